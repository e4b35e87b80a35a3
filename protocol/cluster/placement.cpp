#include "protocol/cluster/placement.hpp"

#include "protocol/core/buggify.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace holdfast::cluster {

namespace {

std::uint32_t count_in(const std::map<node_id, std::uint32_t>& counts, const node_id& node) {
  const auto found = counts.find(node);
  return found == counts.end() ? 0 : found->second;
}

template <class Key>
void add(std::map<Key, std::uint32_t>& counts, const Key& key, int sign) {
  auto& n = counts[key];
  if (sign > 0)
    ++n;
  else if (n > 0)
    --n;
}

// a/wa < b/wb without fractions; weights are at least 1 here.
bool less_per_weight(std::uint64_t a, std::uint32_t weight_a, std::uint64_t b,
                     std::uint32_t weight_b) {
  return a * weight_b < b * weight_a;
}

bool is_replica(const shard_entry& entry, const node_id& node) {
  return std::any_of(entry.replicas.begin(), entry.replicas.end(),
                     [&](const replica& r) { return r.node == node; });
}

// Giving one from `from` to `to` leaves `to` with no more by weight than `from` had.
bool evens_out(std::uint32_t has_from, const candidate& from, std::uint32_t has_to,
               const candidate& to) {
  if (has_from == 0 || to.weight == 0) return false;
  if (from.weight == 0) return true;
  return less_per_weight(has_to + 1ULL, to.weight, has_from, from.weight);
}

using counter = std::uint32_t (load_table::*)(const node_id&) const;

// The candidates that may take, those with least by weight first.
std::vector<candidate> takers(const load_table& load, const std::vector<candidate>& among,
                              counter has) {
  std::vector<candidate> found;
  for (const auto& c : among)
    if (c.weight > 0) found.push_back(c);
  std::stable_sort(found.begin(), found.end(), [&](const candidate& a, const candidate& b) {
    return less_per_weight((load.*has)(a.node), a.weight, (load.*has)(b.node), b.weight);
  });
  return found;
}

// The candidates that have something to give: draining ones first, then those with most by weight.
std::vector<candidate> givers(const load_table& load, const std::vector<candidate>& among,
                              counter has) {
  std::vector<candidate> found;
  for (const auto& c : among)
    if ((load.*has)(c.node) > 0) found.push_back(c);
  std::stable_sort(found.begin(), found.end(), [&](const candidate& a, const candidate& b) {
    if ((a.weight == 0) != (b.weight == 0)) return a.weight == 0;
    if (a.weight == 0) return false;
    return less_per_weight((load.*has)(b.node), b.weight, (load.*has)(a.node), a.weight);
  });
  return found;
}

// How uneven (owner, replica) pairs of this shard's replicas would be with `owner` in charge.
std::uint32_t pairs_under(const load_table& load, const shard_entry& entry, const node_id& owner) {
  std::uint32_t sum = 0;
  for (const auto& r : entry.replicas)
    if (r.node != owner) sum += load.pair(owner, r.node);
  return sum;
}

std::optional<shard_move> owner_move(const load_table& load, const std::vector<shard_entry>& shards,
                                     const std::set<shard_id>& movable, const node_id& from,
                                     const node_id& to) {
  std::optional<shard_move> best;
  std::tuple<bool, std::uint32_t> best_cost;
  for (const auto id : movable) {
    const auto& entry = shards[id.value];
    if (entry.owner != from) continue;
    const std::tuple cost{is_replica(entry, to), pairs_under(load, entry, to)};
    if (best && cost >= best_cost) continue;
    best = shard_move{id, from, to, true};
    best_cost = cost;
  }
  return best;
}

// The replica of `from` whose going to `to` helps the pairs most, and by how much.
struct replica_choice {
  shard_move move;
  std::int64_t gain = 0; // how many more of that owner's shards `from` holds than `to`
};
std::optional<replica_choice> replica_move(const load_table& load,
                                           const std::vector<shard_entry>& shards,
                                           const std::set<shard_id>& movable, const node_id& from,
                                           const node_id& to) {
  std::optional<replica_choice> best;
  for (const auto id : movable) {
    const auto& entry = shards[id.value];
    if (!is_replica(entry, from) || is_replica(entry, to) || entry.owner == to) continue;
    const auto gain = static_cast<std::int64_t>(load.pair(entry.owner, from))
                      - static_cast<std::int64_t>(load.pair(entry.owner, to));
    if (best && gain <= best->gain) continue;
    best = replica_choice{{id, from, to, false}, gain};
  }
  return best;
}

} // namespace

load_table load_table::of(const std::vector<shard_entry>& shards) {
  load_table load;
  for (const auto& entry : shards) load.count(entry, 1);
  return load;
}

std::uint32_t load_table::owned_by(const node_id& node) const {
  return count_in(owned, node);
}
std::uint32_t load_table::held_by(const node_id& node) const {
  return count_in(held, node);
}
std::uint32_t load_table::pair(const node_id& owner, const node_id& replica) const {
  const auto found = pairs.find({owner, replica});
  return found == pairs.end() ? 0 : found->second;
}

void load_table::count(const shard_entry& entry, int sign) {
  if (entry.owned()) add(owned, entry.owner, sign);
  for (const auto& r : entry.replicas) {
    add(held, r.node, sign);
    if (entry.owned()) add(pairs, {entry.owner, r.node}, sign);
  }
}

std::optional<node_id> choose_owner(const load_table& load, const std::vector<candidate>& among) {
  const auto order = takers(load, among, &load_table::owned_by);
  if (order.empty()) return std::nullopt;
  return order.front().node;
}

std::optional<node_id> choose_promotion(const load_table& load, const shard_entry& entry,
                                        const std::set<node_id>& alive) {
  std::optional<node_id> best;
  for (const auto& r : entry.replicas) {
    if (!alive.contains(r.node)) continue;
    if (!r.in_sync && !planted<"filling-replica-is-promoted">()) continue;
    if (!best || load.owned_by(r.node) < load.owned_by(*best)) best = r.node;
  }
  return best;
}

std::optional<node_id> choose_replica(const load_table& load, const shard_entry& entry,
                                      const std::vector<candidate>& among) {
  const candidate* best = nullptr;
  const auto better = [&](const candidate& a, const candidate& b) {
    const auto pair_a = load.pair(entry.owner, a.node), pair_b = load.pair(entry.owner, b.node);
    if (less_per_weight(pair_a, a.weight, pair_b, b.weight)) return true;
    if (less_per_weight(pair_b, b.weight, pair_a, a.weight)) return false;
    return less_per_weight(load.held_by(a.node), a.weight, load.held_by(b.node), b.weight);
  };
  for (const auto& c : among) {
    if (c.weight == 0 || c.node == entry.owner || is_replica(entry, c.node)) continue;
    if (best == nullptr || better(c, *best)) best = &c;
  }
  return best == nullptr ? std::nullopt : std::optional{best->node};
}

void assign_empty(std::vector<shard_entry>& shards, const std::vector<shard_id>& which,
                  const std::vector<candidate>& among, std::uint16_t replicas, epoch floor) {
  auto load = load_table::of(shards);
  for (const auto id : which) {
    auto& entry = shards[id.value];
    load.count(entry, -1);
    const auto was = entry;
    entry = {};
    entry.unknown = was.unknown;
    entry.epoch = epoch{std::max(was.epoch.value, floor.value) + 1};
    entry.owner = choose_owner(load, among).value_or(node_id{});
    while (entry.owned() && entry.replicas.size() < replicas) {
      const auto next = choose_replica(load, entry, among);
      if (!next) break;
      // A replica that was filling holds part of what is lost; it has to be told to forget it.
      entry.replicas.push_back({*next, !is_replica(was, *next)});
    }
    load.count(entry, 1);
  }
}

std::optional<shard_move> next_owner_move(const load_table& load,
                                          const std::vector<shard_entry>& shards,
                                          const std::set<shard_id>& movable,
                                          const std::vector<candidate>& among) {
  const auto to_order = takers(load, among, &load_table::owned_by);
  for (const auto& from : givers(load, among, &load_table::owned_by)) {
    for (const auto& to : to_order) {
      if (to.node == from.node) continue;
      if (!evens_out(load.owned_by(from.node), from, load.owned_by(to.node), to)) continue;
      if (auto move = owner_move(load, shards, movable, from.node, to.node)) return move;
    }
  }
  return std::nullopt;
}

std::optional<shard_move> next_replica_move(const load_table& load,
                                            const std::vector<shard_entry>& shards,
                                            const std::set<shard_id>& movable,
                                            const std::vector<candidate>& among) {
  const auto from_order = givers(load, among, &load_table::held_by);
  const auto to_order = takers(load, among, &load_table::held_by);
  for (const auto& from : from_order) {
    for (const auto& to : to_order) {
      if (to.node == from.node) continue;
      if (!evens_out(load.held_by(from.node), from, load.held_by(to.node), to)) continue;
      if (auto c = replica_move(load, shards, movable, from.node, to.node)) return c->move;
    }
  }
  // The numbers are even: spread the pairs. Only downhill, so that the two never undo each other.
  for (const auto& from : from_order) {
    for (const auto& to : to_order) {
      if (to.node == from.node || from.weight == 0) continue;
      const auto more = load.held_by(to.node) + 1;
      if (less_per_weight(load.held_by(from.node), from.weight, more, to.weight)) continue;
      const auto choice = replica_move(load, shards, movable, from.node, to.node);
      if (choice && choice->gain >= 2) return choice->move;
    }
  }
  return std::nullopt;
}

} // namespace holdfast::cluster
