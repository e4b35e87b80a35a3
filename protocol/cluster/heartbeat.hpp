// The machine behind a node's heartbeat unit: a thread in the product, an actor in simulation
// (design, "Links": heartbeats have a path of their own).
//
//   every interval   on_tick()      -> datagrams for all who observe this node, and suspicions
//   every datagram   on_datagram()  -> perhaps: that peer knows a newer view
//
//              greets                                  watches
//   coordinator   every member                         every member
//   container     coordinators and containers          containers (the second observer)
//   others        coordinators                         nobody
//
// A datagram is a tagged heartbeat and 16 bytes of HMAC-SHA256 under the cluster key. What is
// forged, replayed or malformed is counted and changes nothing.
#pragma once

#include "protocol/cluster/failure_detector.hpp"
#include "protocol/cluster/frames.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/codec.hpp"
#include "protocol/core/endpoint.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cluster {

struct heartbeat {
  node_id from;
  std::uint64_t tick = 0; // only ever grows within one incarnation
  view_number view;
  duration probe_age{}; // since a worker last answered
  unknown_fields unknown;

  friend bool operator==(const heartbeat&, const heartbeat&) = default;
};

template <class F>
void describe(F& f, heartbeat& x) {
  f(1, x.from);
  f(2, x.tick);
  f(3, x.view);
  f(4, x.probe_age);
  f(x.unknown);
}

inline constexpr std::size_t heartbeat_mac_bytes = 16;
inline constexpr duration repeat_view_ahead{500ms};

// The datagram for a heartbeat, and the reverse. Error: forged or malformed.
[[nodiscard]] std::string seal(const heartbeat& beat, std::string_view cluster_key);
[[nodiscard]] result<heartbeat> unseal(std::string_view datagram, std::string_view cluster_key);

struct heartbeat_datagram {
  endpoint to;
  std::string bytes;

  friend bool operator==(const heartbeat_datagram&, const heartbeat_datagram&) = default;
};

// What one tick of the unit asks for.
struct heartbeat_turn {
  std::vector<heartbeat_datagram> send;
  std::vector<suspicion> changes;
};

struct view_ahead {
  std::string peer;
  view_number number;

  friend bool operator==(const view_ahead&, const view_ahead&) = default;
};

struct heartbeat_counters {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t forged = 0;    // the MAC does not fit
  std::uint64_t malformed = 0; // the MAC fits, the rest does not
  std::uint64_t replayed =
      0; // tick not above the last of that incarnation, or an older incarnation
  std::uint64_t strangers = 0; // authentic, but of nobody in the view

  friend bool operator==(const heartbeat_counters&, const heartbeat_counters&) = default;
};

class heartbeat_unit {
public:
  // Silent until set_view() brought a view in which `self` is a member. `cluster_key` is the
  // secret all nodes share.
  heartbeat_unit(node_id self, duration interval, std::uint32_t misses, std::string cluster_key);

  // `self` may differ from before: the coordinator gives a node its incarnation.
  void set_view(const view& now_valid, node_id self, instant now);

  // Call once an interval. `probe_age`: since a worker of this node last answered its probe.
  [[nodiscard]] heartbeat_turn on_tick(instant now, duration probe_age);

  // Set when the sender knows a newer view; repeated now and then until set_view() brings it.
  [[nodiscard]] std::optional<view_ahead> on_datagram(std::string_view bytes, instant now);

  [[nodiscard]] const heartbeat_counters& counters() const { return counters_; }
  [[nodiscard]] const failure_detector& detector() const { return detector_; }
  [[nodiscard]] duration interval() const { return interval_; }

private:
  struct last_heard {
    holdfast::incarnation incarnation;
    std::uint64_t tick = 0;
  };

  [[nodiscard]] duration honest_probe_age(instant now, duration probe_age);
  [[nodiscard]] bool fresh(const heartbeat& beat);

  node_id self_;
  duration interval_;
  std::string key_;
  failure_detector detector_;
  std::vector<endpoint> greets_;
  std::map<std::string, last_heard> last_; // by name; only members of the view
  view_number view_;
  view_number newest_seen_;
  instant said_at_{};
  std::uint64_t tick_ = 0;
  bool ticked_ = false;
  instant last_tick_{};
  instant awake_since_{};
  heartbeat_counters counters_;
};

} // namespace holdfast::cluster
