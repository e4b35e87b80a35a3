// The shard table of the next view: promotions, new replicas, moves (design, "Failure" 3, "Growing,
// shrinking"). Works on a draft of the view; what it changed is counted in shard_news.
//
//   dead owner     -> promote an in_sync replica        epoch + 1, all shards in one go
//   dead replica   -> remove it                         the shard may be unprotected: loud
//   too few        -> add one, filling                  bounded per container
//   in sync        -> mark it
//   uneven         -> add the target, wait for in_sync, swap or drop    a few at a time
//
// Moves under way are remembered here only. A coordinator that restarts forgets them: a replica too
// many is dropped again, nothing else is lost.
#pragma once

#include "protocol/cluster/placement.hpp"
#include "protocol/cluster/shard_truth.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace holdfast::cluster {

inline constexpr std::size_t moves_under_way_max = 32; // shards that move at one time
inline constexpr std::size_t ownership_moves_per_view = 16;
inline constexpr std::size_t fills_per_container = 64; // replicas it receives at one time

// What happened to the shards between two views, for the operator.
struct shard_news {
  std::size_t promoted = 0;
  std::size_t emptied = 0;
  std::size_t moved = 0;
  std::size_t filling = 0;     // replicas that begin to fill
  std::size_t unprotected = 0; // shards that lost their last replica in sync
  std::size_t synced = 0;
  std::uint64_t sessions_promoted = 0;
  std::uint64_t sessions_lost = 0;
  epoch highest; // of the shards that changed hands

  friend bool operator==(const shard_news&, const shard_news&) = default;
};

// What shard_control needs to know besides the draft.
struct shard_facts {
  settings of_cluster;           // how many replicas, which domains
  epoch floor;                   // new epochs are above it
  std::map<node_id, fence> gone; // owners and replicas that count no more, and how certainly
  std::set<node_id> suspects;    // alive, but given nothing at the moment
  std::vector<std::pair<shard_id, node_id>> synced;
  std::vector<std::pair<shard_id, node_id>> cut_off; // replicas that their owner can not reach
  bool formed = false; // the containers that join together have all had the time
  bool quiet = false;  // may move things to even them out
};

// `to` is to become owner in place of `from`, or to replace the replica `from`.
struct move_under_way {
  node_id from;
  node_id to;
  bool ownership = false;
};

class shard_control {
public:
  // An operator's wish; carried out like any other move. Error: why not.
  [[nodiscard]] result<void> request_move(const view& v, const settings& s, shard_id shard,
                                          const node_id& to);

  // All there is to do for the shards in `draft`. Members must be up to date in it.
  [[nodiscard]] shard_news plan(view& draft, const shard_facts& facts, const shard_truth& truth);

  // The view is not what the last plan made of it.
  void forget_moves() { moves_.clear(); }

  [[nodiscard]] bool moving(shard_id shard) const { return moves_.contains(shard); }

private:
  std::map<shard_id, move_under_way> moves_;
};

} // namespace holdfast::cluster
