// INVITEs whose client has seen a provisional response. It repeats nothing any more, so if the call
// dies with its container before anything of it was held (durability class `stable`), nobody would
// ever answer it: neither does the client ask again, nor does the new owner know of it.
//
//   INVITE in           100, 180 out            final response out
//   ----------> kept ----------> open, at (owner) ----------> forgotten
//                                    | owner dies
//                                    v
//                      asked for again, with `may_create` off
//
// Whoever has it by then takes that for the copy it is and repeats its last response. When nobody
// has the call, the owner of its home shard answers 503 with Retry-After (RFC 3261 16.9 and 8.1.3.1:
// what can not be reached any more counts as 503), and the client may try again. It is never placed
// anew: an application sees a request once. An INVITE inside a dialog finds the call where that
// lives now, and goes on there: of the transaction in which it was open nothing was held.
//
// What a proxy keeps here it may lose with itself: then the client waits as it would without.
#pragma once

#include "protocol/cluster/frames.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/time.hpp"
#include "protocol/sip/message_view.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cluster {

class open_invites {
public:
  static constexpr std::size_t invites_max = 10'000; // about 1 KiB each; more are not kept
  static constexpr duration kept_for{4min};          // above Timer C, RFC 3261 16.6
  static constexpr duration sweep_interval{10s};

  // An INVITE goes in, inside a dialog or not; copies change nothing. `branch`: of its top Via.
  void arrived(std::string_view branch, const sip_in& message, instant now);
  // A response goes out on behalf of a session of `shard`. Others than to what is kept are ignored.
  void answered(const sip::message_view& response, shard_id shard, const view& v);
  // A call that is held by another container goes on there first, and says so.
  static constexpr duration patience{1500ms};
  // Open ones whose owner died so long ago and of which no other has spoken since, in the order of
  // their branches; they are kept no longer. To be asked for at least a few times a second.
  [[nodiscard]] std::vector<sip_in> orphaned(const view& v, instant now);
  void expire(instant now); // cheap, as often as one likes

  [[nodiscard]] bool empty() const { return kept_.empty(); }
  [[nodiscard]] std::size_t size() const { return kept_.size(); }

private:
  struct entry {
    sip_in message;
    instant since;
    shard_id shard;
    node_id owner; // empty name: nothing was answered yet
    std::optional<instant> orphaned_at{};
  };

  std::map<std::string, entry, std::less<>> kept_; // by branch
  instant swept_{};
};

} // namespace holdfast::cluster
