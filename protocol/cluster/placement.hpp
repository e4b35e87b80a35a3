// Which container owns which shard and which ones hold its replicas: pure functions over the shard
// table (design, "Shards", "Growing, shrinking").
//
// Two things are kept even, both by weight: how much each container owns and holds for others, and
// each pair (owner, replica), so that when an owner dies its sessions fall on all survivors alike.
#pragma once

#include "protocol/cluster/view.hpp"
#include "protocol/core/identifiers.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace holdfast::cluster {

// A container that may be given something, and how much of it.
struct candidate {
  node_id node;
  std::uint32_t weight = 1; // 0: draining, gives away and takes nothing

  friend bool operator==(const candidate&, const candidate&) = default;
};

// How the shards lie now. Kept up to date by hand while a plan is being made.
struct load_table {
  std::map<node_id, std::uint32_t> owned;
  std::map<node_id, std::uint32_t> held;                      // replicas, in sync or filling
  std::map<std::pair<node_id, node_id>, std::uint32_t> pairs; // (owner, replica)

  static load_table of(const std::vector<shard_entry>& shards);

  [[nodiscard]] std::uint32_t owned_by(const node_id& node) const;
  [[nodiscard]] std::uint32_t held_by(const node_id& node) const;
  [[nodiscard]] std::uint32_t pair(const node_id& owner, const node_id& replica) const;

  // Adds (`sign` 1) or takes away (-1) one entry.
  void count(const shard_entry& entry, int sign);
};

// The container that should own one more shard: least owned by weight. nullopt: there is none.
[[nodiscard]] std::optional<node_id> choose_owner(const load_table& load,
                                                  const std::vector<candidate>& among);

// The in_sync replica to promote among those `alive`, the one that owns least; nullopt: none, all
// copies are gone.
[[nodiscard]] std::optional<node_id>
choose_promotion(const load_table& load, const shard_entry& entry, const std::set<node_id>& alive);

// One more replica for the shard: neither its owner nor one of its replicas; the fewest shards of
// that owner first, then the fewest replicas. nullopt: nobody is left.
[[nodiscard]] std::optional<node_id> choose_replica(const load_table& load,
                                                    const shard_entry& entry,
                                                    const std::vector<candidate>& among);

// Gives every shard of `which` to the candidates, empty, at an epoch above `floor` and its own,
// with up to `replicas` replicas in sync (there is nothing to copy).
void assign_empty(std::vector<shard_entry>& shards, const std::vector<shard_id>& which,
                  const std::vector<candidate>& among, std::uint16_t replicas, epoch floor);

// One step towards an even load.
struct shard_move {
  shard_id shard;
  node_id from;
  node_id to;
  bool ownership = false; // false: a replica moves

  friend bool operator==(const shard_move&, const shard_move&) = default;
};

// The best next step for ownership: from the owner that has most to the one that has least, if that
// evens them out. Only shards of `movable`; prefers one that `to` holds no replica of, because then
// the shard stays protected while it moves.
[[nodiscard]] std::optional<shard_move> next_owner_move(const load_table& load,
                                                        const std::vector<shard_entry>& shards,
                                                        const std::set<shard_id>& movable,
                                                        const std::vector<candidate>& among);

// The best next step for replicas: evens out the number each container holds, then the pairs.
[[nodiscard]] std::optional<shard_move> next_replica_move(const load_table& load,
                                                          const std::vector<shard_entry>& shards,
                                                          const std::set<shard_id>& movable,
                                                          const std::vector<candidate>& among);

} // namespace holdfast::cluster
