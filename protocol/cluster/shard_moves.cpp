// Growing and shrinking: how shards move while nothing is wrong.
#include "protocol/cluster/membership.hpp"
#include "protocol/cluster/shard_planner.hpp"
#include "protocol/core/buggify.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

namespace {

const replica* replica_on(const shard_entry& entry, const node_id& node) {
  const auto found = std::find_if(entry.replicas.begin(), entry.replicas.end(),
                                  [&](const replica& r) { return r.node == node; });
  return found == entry.replicas.end() ? nullptr : &*found;
}

void remove(shard_entry& entry, const node_id& node) {
  std::erase_if(entry.replicas, [&](const replica& r) { return r.node == node; });
}

// How the entry will look when the move is done.
shard_entry outcome_of(shard_entry entry, const move_under_way& move) {
  remove(entry, move.ownership ? move.to : move.from);
  if (move.ownership)
    entry.owner = move.to;
  else if (replica_on(entry, move.to) == nullptr)
    entry.replicas.push_back({move.to, true});
  return entry;
}

} // namespace

void shard_planner::finish_moves() {
  for (auto it = moves_.begin(); it != moves_.end();) {
    const auto& [id, move] = *it;
    auto& entry = draft_.shards[id.value];
    if (!still_possible(id, move)) {
      it = moves_.erase(it);
      continue;
    }
    const auto* there = replica_on(entry, move.to);
    bool done = false;
    if (there == nullptr) {
      // An operator asked for it: the first step has not been made yet.
      if (facts_.quiet) (void)add_filling(entry, move.to);
    } else if (there->in_sync && !move.ownership) {
      auto without = entry;
      remove(without, move.from);
      change(entry, without);
      done = true;
    } else if (there->in_sync && facts_.quiet) {
      done = finish_owner_move(id, move);
    }
    it = done ? moves_.erase(it) : std::next(it);
  }
}

bool shard_planner::still_possible(shard_id id, const move_under_way& move) const {
  const auto& entry = draft_.shards[id.value];
  if (!takes(move.to) || !usable(entry.owner)) return false;
  return move.ownership ? entry.owner == move.from : replica_on(entry, move.from) != nullptr;
}

bool shard_planner::finish_owner_move(shard_id id, const move_under_way& move) {
  auto& entry = draft_.shards[id.value];
  if (owner_moves_ >= ownership_moves_per_view) return false;
  if (!safe_without_old_owner(id, move.to)) {
    const bool filling = std::any_of(entry.replicas.begin(), entry.replicas.end(),
                                     [](const replica& r) { return !r.in_sync; });
    if (!filling) (void)add_some_filling(id, entry);
    return false;
  }
  ++owner_moves_;
  ++news_.moved;
  auto next = entry;
  next.epoch = epoch{std::max(entry.epoch.value, facts_.floor.value) + 1};
  next.previous_owner = entry.owner;
  next.previous_fence = fence::lease;
  next.owner = move.to;
  remove(next, move.to);
  // It has everything, but nothing proves that to the new owner.
  if (in_sync_count(next) < facts_.of_cluster.replicas) next.replicas.push_back({move.from, false});
  change(entry, next);
  news_.highest = std::max(news_.highest, next.epoch);
  return true;
}

// With `to` as owner and the old owner gone, as many replicas are in sync as the cluster can have.
bool shard_planner::safe_without_old_owner(shard_id id, const node_id& to) const {
  const auto& entry = draft_.shards[id.value];
  std::size_t others = 0, in_sync = 0;
  for (const auto& c : replica_candidates(domain_of(facts_.of_cluster, id)))
    if (c.weight > 0 && c.node != to && c.node != entry.owner) ++others;
  for (const auto& r : entry.replicas)
    if (r.in_sync && r.node != to && takes(r.node)) ++in_sync;
  return in_sync >= std::min<std::size_t>(facts_.of_cluster.replicas, others);
}

void shard_planner::drop_surplus() {
  for (std::size_t i = 0; i < draft_.shards.size(); ++i) {
    auto& entry = draft_.shards[i];
    if (!entry.owned() || !usable(entry.owner) || moves_.contains(id_of(i))) continue;
    while (const auto* victim = surplus(entry)) {
      auto without = entry;
      remove(without, victim->node);
      change(entry, without);
    }
  }
}

// A replica too many, once enough others are in sync: one that can not stay, one that still fills,
// or one on the container that holds most.
const replica* shard_planner::surplus(const shard_entry& entry) const {
  const std::size_t wanted = facts_.of_cluster.replicas;
  if (entry.replicas.size() <= wanted || in_sync_count(entry) < wanted) return nullptr;
  const auto cost = [&](const replica& r) {
    return std::tuple{!takes(r.node), !r.in_sync, load_.held_by(r.node)};
  };
  return &*std::max_element(entry.replicas.begin(), entry.replicas.end(),
                            [&](const replica& a, const replica& b) { return cost(a) < cost(b); });
}

void shard_planner::begin_moves() {
  if (!facts_.quiet) return;
  for (std::size_t domain = 0; domain < domains(); ++domain) begin_moves(domain);
}

void shard_planner::begin_moves(std::size_t domain) {
  auto outcome = projected();
  auto load = load_table::of(outcome);
  if (buggify<"planner: a shard moves for nothing">())
    for (const auto id : movable(domain)) {
      const auto& entry = draft_.shards[id.value];
      if (entry.replicas.empty() || !takes(entry.replicas.front().node)) continue;
      (void)begin({id, entry.owner, entry.replicas.front().node, true}, outcome, load);
      break;
    }
  while (moves_.size() < moves_under_way_max) {
    const auto allowed = movable(domain);
    const auto move = next_owner_move(load, outcome, allowed, owner_candidates(domain));
    if (!move || !begin(*move, outcome, load)) break;
  }
  while (moves_.size() < moves_under_way_max) {
    const auto allowed = movable(domain);
    const auto move = next_replica_move(load, outcome, allowed, replica_candidates(domain));
    if (!move || !begin(*move, outcome, load)) break;
  }
}

// False: the target has as much to receive as it may at one time.
bool shard_planner::begin(const shard_move& move, std::vector<shard_entry>& outcome,
                          load_table& load) {
  auto& entry = draft_.shards[move.shard.value];
  if (replica_on(entry, move.to) == nullptr && !add_filling(entry, move.to)) return false;
  const move_under_way begun{move.from, move.to, move.ownership};
  moves_.emplace(move.shard, begun);
  auto& planned = outcome[move.shard.value];
  load.count(planned, -1);
  planned = outcome_of(planned, begun);
  load.count(planned, 1);
  return true;
}

// The table as it will be when the moves under way are done.
std::vector<shard_entry> shard_planner::projected() const {
  auto outcome = draft_.shards;
  for (const auto& [id, move] : moves_)
    outcome[id.value] = outcome_of(std::move(outcome[id.value]), move);
  return outcome;
}

// Shards that do not move yet and have all the replicas they should, in sync.
std::set<shard_id> shard_planner::movable(std::size_t domain) const {
  std::set<shard_id> found;
  for (std::size_t i = 0; i < draft_.shards.size(); ++i) {
    const auto& entry = draft_.shards[i];
    const bool settled =
        domain_of(facts_.of_cluster, id_of(i)) == domain && entry.owned() && usable(entry.owner)
        && !moves_.contains(id_of(i))
        && std::all_of(entry.replicas.begin(), entry.replicas.end(),
                       [&](const replica& r) { return r.in_sync && usable(r.node); });
    if (settled) found.insert(found.end(), id_of(i));
  }
  return found;
}

void shard_planner::activate_filled() {
  if (!facts_.quiet) return;
  for (std::size_t domain = 0; domain < domains(); ++domain) activate_filled(domain);
}

void shard_planner::activate_filled(std::size_t domain) {
  auto* m = first_in(member_state::bootstrapping, domain);
  if (m == nullptr || fills_[m->id()] > 0 || more_is_expected_by(m->id(), domain)) return;
  m->state = member_state::active;
}

// A move is under way to it, or will be as soon as the shard in question has settled.
bool shard_planner::more_is_expected_by(const node_id& newcomer, std::size_t domain) const {
  if (std::any_of(moves_.begin(), moves_.end(),
                  [&](const auto& item) { return item.second.to == newcomer; }))
    return true;
  const auto outcome = projected();
  std::set<shard_id> all;
  for (std::size_t i = 0; i < outcome.size(); ++i)
    if (domain_of(facts_.of_cluster, id_of(i)) == domain && outcome[i].owned())
      all.insert(all.end(), id_of(i));
  const auto next =
      next_replica_move(load_table::of(outcome), outcome, all, replica_candidates(domain));
  return next && next->to == newcomer;
}

} // namespace holdfast::cluster
