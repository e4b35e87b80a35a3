// Tells who has fallen silent (design, "Failure" 2). Every watched peer has a window of
// `misses` intervals; a heartbeat starts it anew, and a peer that lets it pass is suspected.
//
//   heard ... heard ............(window)............ tick: suspected ... heard, tick: trusted
//
// A detector whose own tick came late knows nothing about the time it slept: it restarts all its
// windows, so that a starved or resumed coordinator kills nobody. A value; time is an argument.
#pragma once

#include "protocol/cluster/frames.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace holdfast::cluster {

// The own tick is late when it comes this many intervals after the one before.
inline constexpr int late_tick_intervals = 2;

class failure_detector {
public:
  explicit failure_detector(duration interval = 50ms, std::uint32_t misses = 4);

  // From now on exactly these are watched. A new one gets a full window; one that was watched
  // already keeps its own. Who is no longer watched is forgotten without a report.
  void watch(const std::vector<node_id>& peers, instant now);

  // A heartbeat came. `probe_age`: how long ago a worker of that node last answered its probe.
  // Above the window the node counts as hung although its heartbeats come: all its workers are
  // blocked.
  void heard(const node_id& peer, duration probe_age, instant now);

  // Call once an interval. Returns what changed: newly suspected, and trusted again.
  [[nodiscard]] std::vector<suspicion> tick(instant now);

  [[nodiscard]] bool suspects(const node_id& peer) const;
  [[nodiscard]] duration window() const { return interval_ * misses_; }

private:
  struct watched {
    instant window_start; // the last sign of life, or when the watch began
    instant since;        // a hung probe counts only after a full window from here
    bool hung = false;
    bool suspected = false;
  };

  [[nodiscard]] std::vector<suspicion> restart(instant now);

  duration interval_;
  std::int64_t misses_;
  bool ticked_ = false;
  instant last_tick_{};
  std::map<node_id, watched> peers_;
};

} // namespace holdfast::cluster
