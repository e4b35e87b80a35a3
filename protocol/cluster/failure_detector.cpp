#include "protocol/cluster/failure_detector.hpp"

#include <utility>

namespace holdfast::cluster {

failure_detector::failure_detector(duration interval, std::uint32_t misses)
    : interval_{interval}, misses_{misses} {}

void failure_detector::watch(const std::vector<node_id>& peers, instant now) {
  std::map<node_id, watched> next;
  for (const auto& peer : peers) {
    const auto known = peers_.find(peer);
    next.emplace(peer, known != peers_.end() ? known->second : watched{now, now});
  }
  peers_ = std::move(next);
}

void failure_detector::heard(const node_id& peer, duration probe_age, instant now) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  found->second.window_start = now;
  found->second.hung = probe_age > window();
}

std::vector<suspicion> failure_detector::tick(instant now) {
  const bool late = ticked_ && now - last_tick_ > interval_ * late_tick_intervals;
  ticked_ = true;
  last_tick_ = now;
  if (late) return restart(now);
  std::vector<suspicion> changes;
  for (auto& [peer, state] : peers_) {
    const bool silent = now - state.window_start > window();
    // What a probe's age says of the time before we watched is not ours to judge.
    const bool hung = state.hung && now - state.since > window();
    if (const bool suspected = silent || hung; suspected != state.suspected) {
      state.suspected = suspected;
      changes.push_back({peer, suspected});
    }
  }
  return changes;
}

std::vector<suspicion> failure_detector::restart(instant now) {
  std::vector<suspicion> changes;
  for (auto& [peer, state] : peers_) {
    if (state.suspected) changes.push_back({peer, false});
    state = watched{now, now};
  }
  return changes;
}

bool failure_detector::suspects(const node_id& peer) const {
  const auto found = peers_.find(peer);
  return found != peers_.end() && found->second.suspected;
}

} // namespace holdfast::cluster
