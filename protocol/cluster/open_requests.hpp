// Requests that a container has taken and that nobody has finally answered yet. Of the transaction
// in which they are open nothing may be held (durability class `stable`), so when their container
// dies whoever sent them may wait for long:
//
//   request in          100, 180 out            final response out
//   ----------> kept ----------> open ----------> forgotten
//                  |               |
//                  owner dies      owner dies
//
// Inside a dialog: the request goes to the call's new owner at once, which takes it for the copy
// that it is, or for new. A client over UDP would repeat it after T1; over a stream, or once it has
// seen a provisional response, it repeats nothing (RFC 3261 17.1.1.2, 17.1.2.2).
//
// An initial INVITE that was answered provisionally is asked for again with `may_create` off, after
// some patience: a call that another container holds goes on there first, and says so. Whoever has
// it by then repeats its last response. When nobody has it, the owner of its home shard answers 503
// with Retry-After (RFC 3261 16.9 and 8.1.3.1: what can not be reached any more counts as 503), and
// the client may try again. It is never placed anew: an application sees a request once.
//
// A shard that moves takes its sessions along, but what its old owner says while the view is on its
// way the proxies drop (fence d). A final response that was dropped so is asked for again as soon
// as there is a new owner: a response is repeated by its transaction, one that needed no session is
// made anew.
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

class open_requests {
public:
  static constexpr std::size_t requests_max = 10'000; // about 1 KiB each; more are not kept
  static constexpr duration invite_kept_for{4min};    // once it rings: above Timer C, RFC 3261 16.6
  // Above the time in which a death is noticed; one that was answered by another proxy is not kept
  // for longer than that.
  static constexpr duration other_kept_for{8s};
  static constexpr duration sweep_interval{2s};
  static constexpr duration patience{1500ms}; // with an initial INVITE

  // A request goes in; copies change nothing. Those that are not kept are ignored: ACK, CANCEL, and
  // what is neither an INVITE nor in a dialog, unless it came over a stream, where it comes once.
  void arrived(const sip::message_view& request, const sip_in& message, const view& v, instant now);
  // A response goes out on behalf of a session of `shard`. Others than to what is kept are ignored.
  void answered(const sip::message_view& response, shard_id shard, const view& v);
  // A response goes nowhere, because `of` is not the epoch of its shard any more.
  void unheard(const sip::message_view& response, shard_id shard, epoch of);
  // Those whose owner died and of which no other has spoken since, and those with an unheard
  // response whose shard has a new owner, in the order of their branches; to be asked for with
  // every view and at least a few times a second.
  [[nodiscard]] std::vector<sip_in> orphaned(const view& v, instant now);
  void expire(instant now); // cheap, as often as one likes

  [[nodiscard]] bool empty() const { return kept_.empty(); }
  [[nodiscard]] std::size_t size() const { return kept_.size(); }

private:
  struct entry {
    sip_in message;
    instant since;
    bool rings = false;   // a provisional response to an INVITE came this way
    bool patient = false; // an initial INVITE
    shard_id shard;
    node_id owner; // empty name: nobody has answered yet
    std::optional<instant> orphaned_at{};
    std::optional<epoch> unheard_of{};
  };

  [[nodiscard]] entry* entry_of(const sip::message_view& response);
  [[nodiscard]] static bool is_due(entry& e, const shard_entry& owned, const view& v, instant now);

  std::map<std::string, entry, std::less<>> kept_; // by branch
  instant swept_{};
};

} // namespace holdfast::cluster
