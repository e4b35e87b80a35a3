#include "protocol/cluster/shard_planner.hpp"

#include "protocol/cluster/membership.hpp"
#include "protocol/core/buggify.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

namespace {

replica* find_replica(shard_entry& entry, const node_id& node) {
  const auto found = std::find_if(entry.replicas.begin(), entry.replicas.end(),
                                  [&](const replica& r) { return r.node == node; });
  return found == entry.replicas.end() ? nullptr : &*found;
}

epoch highest_of(const std::vector<shard_entry>& shards) {
  epoch highest;
  for (const auto& entry : shards) highest = std::max(highest, entry.epoch);
  return highest;
}

} // namespace

shard_planner::shard_planner(view& draft, const shard_facts& facts, const shard_truth& truth,
                             moves& under_way)
    : draft_{draft}, facts_{facts}, truth_{truth}, moves_{under_way}, before_{draft.shards} {
  recount();
}

void shard_planner::recount() {
  load_ = load_table::of(draft_.shards);
  fills_.clear();
  for (const auto& entry : draft_.shards)
    for (const auto& r : entry.replicas)
      if (!r.in_sync) ++fills_[r.node];
}

// An owner waits for the replicas that it reports as synced, so they hold all it ever let out: they
// count even if it has died since.
void shard_planner::mark_synced() {
  for (const auto& [id, node] : facts_.synced) {
    auto* r = find_replica(draft_.shards[id.value], node);
    if (r == nullptr || r->in_sync) continue;
    r->in_sync = true;
    --fills_[node];
    ++news_.synced;
  }
}

void shard_planner::promote() {
  std::set<node_id> alive, well;
  for (const auto* m : living_containers(draft_)) {
    if (!usable(m->id())) continue;
    alive.insert(m->id());
    if (!facts_.suspects.contains(m->id())) well.insert(m->id());
  }
  for (std::size_t i = 0; i < draft_.shards.size(); ++i) {
    auto& entry = draft_.shards[i];
    if (!entry.owned() || usable(entry.owner)) continue;
    auto next = planted<"living-copies-are-thrown-away">() ? std::nullopt
                                                           : choose_promotion(load_, entry, well);
    if (!next && !planted<"living-copies-are-thrown-away">())
      next = choose_promotion(load_, entry, alive);
    sometimes<"planner: all copies of a shard are gone">(!next);
    if (!next) continue; // all copies are gone
    const auto known = facts_.gone.find(entry.owner);
    const auto how = known == facts_.gone.end() ? fence::certain_death : known->second;
    change_owner(id_of(i), entry, *next, how);
    ++news_.promoted;
    news_.sessions_promoted += truth_.sessions(id_of(i));
  }
}

void shard_planner::remove_unreachable() {
  for (auto& entry : draft_.shards) {
    auto kept = entry;
    std::erase_if(kept.replicas, [&](const replica& r) { return !usable(r.node); });
    if (kept.replicas.size() != entry.replicas.size()) change(entry, kept);
  }
  for (const auto& [id, node] : facts_.cut_off) {
    auto& entry = draft_.shards[id.value];
    const auto* r = find_replica(entry, node);
    if (r == nullptr || !r->in_sync || !usable(entry.owner)) continue;
    auto kept = entry;
    std::erase_if(kept.replicas, [&node = node](const replica& x) { return x.node == node; });
    change(entry, kept);
  }
}

void shard_planner::admit_containers() {
  for (std::size_t domain = 0; domain < domains(); ++domain) admit_containers(domain);
}

void shard_planner::admit_containers(std::size_t domain) {
  const auto activate_all = [&](member_state waiting) {
    while (auto* m = first_in(waiting, domain)) m->state = member_state::active;
  };
  // Without anyone to learn from there is no use in learning.
  if (!any_in(member_state::active, domain)) {
    if (any_in(member_state::bootstrapping, domain))
      activate_all(member_state::bootstrapping);
    else if (!any_in(member_state::draining, domain) && facts_.formed)
      activate_all(member_state::joining);
    else if (!any_in(member_state::draining, domain))
      return;
  }
  if (any_in(member_state::bootstrapping, domain)) return; // one at a time
  if (auto* m = first_in(member_state::joining, domain)) m->state = member_state::bootstrapping;
}

void shard_planner::assign_lost() {
  for (std::size_t domain = 0; domain < domains(); ++domain) assign_lost(domain);
}

void shard_planner::assign_lost(std::size_t domain) {
  const auto takers = owner_candidates(domain);
  if (std::none_of(takers.begin(), takers.end(), [](const auto& c) { return c.weight > 0; }))
    return;
  std::vector<shard_id> lost;
  std::uint64_t sessions_lost = 0;
  for (std::size_t i = 0; i < draft_.shards.size(); ++i) {
    const auto& entry = draft_.shards[i];
    if (domain_of(facts_.of_cluster, id_of(i)) != domain) continue;
    if (entry.owned() && usable(entry.owner)) continue;
    lost.push_back(id_of(i));
    if (entry.epoch.value == 0) continue;
    ++news_.emptied;
    sessions_lost += truth_.sessions(id_of(i));
  }
  if (lost.empty()) return;
  assign_empty(draft_.shards, lost, takers, facts_.of_cluster.replicas, facts_.floor);
  recount();
  for (const auto id : lost) {
    news_.highest = std::max(news_.highest, draft_.shards[id.value].epoch);
    moves_.erase(id);
  }
  news_.sessions_lost += sessions_lost;
  draft_.sessions_lost += sessions_lost;
}

// A member knows an epoch that the ledger does not: views were lost. Above it nobody can confuse
// what we say with what was said then.
void shard_planner::raise_epochs() {
  if (facts_.floor <= highest_of(before_)) return;
  for (auto& entry : draft_.shards) {
    if (!entry.owned() || entry.epoch > facts_.floor) continue;
    entry.epoch = epoch{facts_.floor.value + 1};
    entry.previous_owner = entry.owner;
    entry.previous_fence = fence::certain_death; // nobody but itself: there is nothing to wait for
    news_.highest = std::max(news_.highest, entry.epoch);
  }
}

void shard_planner::fill_missing() {
  if (planted<"no-new-replicas">()) return;
  for (std::size_t i = 0; i < draft_.shards.size(); ++i) {
    auto& entry = draft_.shards[i];
    if (!entry.owned() || !usable(entry.owner)) continue;
    const auto good = [&] {
      return static_cast<std::size_t>(
          std::count_if(entry.replicas.begin(), entry.replicas.end(), [&](const replica& r) {
            const auto* m = draft_.find(r.node);
            return usable(r.node) && m != nullptr && m->state != member_state::draining;
          }));
    };
    while (good() < facts_.of_cluster.replicas)
      if (!add_some_filling(id_of(i), entry)) break;
  }
}

shard_news shard_planner::news() {
  for (std::size_t i = 0; i < draft_.shards.size(); ++i) {
    const bool was = i < before_.size() && before_[i].protected_by_replica();
    if (was && !draft_.shards[i].protected_by_replica()) ++news_.unprotected;
  }
  return news_;
}

bool shard_planner::usable(const node_id& node) const {
  return draft_.alive(node) && !facts_.gone.contains(node);
}

bool shard_planner::takes(const node_id& node) const {
  const auto* m = draft_.find(node);
  return m != nullptr && usable(node) && !facts_.suspects.contains(node)
         && (m->state == member_state::active || m->state == member_state::bootstrapping);
}

std::size_t shard_planner::domains() const {
  return std::max<std::size_t>(facts_.of_cluster.domains.size(), 1);
}

bool shard_planner::of_domain(const node_id& node, std::size_t domain) const {
  return domain_of(facts_.of_cluster, node.name) == domain;
}

bool shard_planner::any_in(member_state state, std::size_t domain) const {
  const auto living = living_containers(draft_);
  return std::any_of(living.begin(), living.end(), [&](const member* m) {
    return m->state == state && of_domain(m->id(), domain) && !facts_.gone.contains(m->id())
           && !facts_.suspects.contains(m->id());
  });
}

member* shard_planner::first_in(member_state state, std::size_t domain) {
  for (auto& m : draft_.members)
    if (m.card.serves == role::container && m.state == state && of_domain(m.id(), domain)
        && !facts_.gone.contains(m.id()))
      return &m;
  return nullptr;
}

bool shard_planner::owns_anything(const node_id& node) const {
  return load_.owned_by(node) > 0;
}

std::vector<candidate> shard_planner::owner_candidates(std::size_t domain) const {
  std::vector<candidate> found;
  for (const auto* m : living_containers(draft_)) {
    if (!of_domain(m->id(), domain)) continue;
    if (!usable(m->id()) || facts_.suspects.contains(m->id())) continue;
    if (m->state == member_state::active)
      found.push_back({m->id(), std::max<std::uint32_t>(m->card.weight, 1)});
    else if (owns_anything(m->id()) && m->state == member_state::draining)
      found.push_back({m->id(), 0});
  }
  return found;
}

std::vector<candidate> shard_planner::replica_candidates(std::size_t domain) const {
  std::vector<candidate> found;
  for (const auto* m : living_containers(draft_)) {
    if (!of_domain(m->id(), domain)) continue;
    if (takes(m->id()))
      found.push_back({m->id(), std::max<std::uint32_t>(m->card.weight, 1)});
    else if (usable(m->id()) && m->state == member_state::draining)
      found.push_back({m->id(), 0});
  }
  return found;
}

std::size_t shard_planner::in_sync_count(const shard_entry& entry) const {
  return static_cast<std::size_t>(
      std::count_if(entry.replicas.begin(), entry.replicas.end(),
                    [&](const replica& r) { return r.in_sync && takes(r.node); }));
}

bool shard_planner::add_filling(shard_entry& entry, const node_id& node) {
  if (fills_[node] >= fills_per_container || buggify<"planner: fills later">()) return false;
  auto more = entry;
  more.replicas.push_back({node, false});
  change(entry, more);
  ++news_.filling;
  return true;
}

bool shard_planner::add_some_filling(shard_id id, shard_entry& entry) {
  auto among = replica_candidates(domain_of(facts_.of_cluster, id));
  std::erase_if(among, [&](const candidate& c) { return fills_[c.node] >= fills_per_container; });
  const auto next = choose_replica(load_, entry, among);
  return next && add_filling(entry, *next);
}

void shard_planner::change(shard_entry& entry, const shard_entry& to) {
  for (const auto& r : entry.replicas)
    if (!r.in_sync) --fills_[r.node];
  for (const auto& r : to.replicas)
    if (!r.in_sync) ++fills_[r.node];
  load_.count(entry, -1);
  entry = to;
  load_.count(entry, 1);
}

// The other replicas stay what they are: the new owner lets nothing out that those in sync by the
// view do not hold as well.
void shard_planner::change_owner(shard_id id, shard_entry& entry, const node_id& to, fence how) {
  auto next = entry;
  const auto step = planted<"epoch-does-not-grow">() ? 0 : 1;
  next.epoch = epoch{std::max(entry.epoch.value, facts_.floor.value) + static_cast<unsigned>(step)};
  next.previous_owner = entry.owner;
  next.previous_fence = how;
  next.owner = to;
  std::erase_if(next.replicas, [&](const replica& r) { return r.node == to; });
  change(entry, next);
  news_.highest = std::max(news_.highest, next.epoch);
  moves_.erase(id);
}

} // namespace holdfast::cluster
