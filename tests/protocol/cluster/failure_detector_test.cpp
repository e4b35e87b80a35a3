#include "protocol/cluster/failure_detector.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

const node_id peer{"container-1", {3}};
const instant start{1h};

// Ticks every 50 ms up to `until`; returns the changes and when they came.
struct watcher {
  failure_detector detector{50ms, 4};
  instant now = start;
  std::vector<std::pair<instant, bool>> changes;

  watcher() { detector.watch({peer}, start); }
  void run(duration time, bool heard, duration probe_age = {}) {
    for (const auto end = now + time; now < end;) {
      now += 50ms;
      if (heard) detector.heard(peer, probe_age, now);
      for (const auto& c : detector.tick(now)) changes.emplace_back(now, c.suspected);
    }
  }
};

} // namespace

TEST_CASE(
    "failure detector: suspicion comes after four misses, and not before [design, Failure 2]") {
  watcher w;
  w.run(1s, true);
  w.run(200ms, false);
  CHECK(w.changes.empty());
  w.run(50ms, false);
  REQUIRE(w.changes.size() == 1);
  CHECK(w.changes[0].second);
  CHECK(w.detector.suspects(peer));
}

TEST_CASE("failure detector: a suspicion is said once, and once when it is over") {
  watcher w;
  w.run(1s, false);
  w.run(1s, true);
  REQUIRE(w.changes.size() == 2);
  CHECK(w.changes[0].second);
  CHECK_FALSE(w.changes[1].second);
}

TEST_CASE("failure detector: an own tick that came late restarts all windows [design, Failure 2]") {
  watcher w;
  w.run(1s, true);
  w.now += 10s; // stopped and resumed
  w.run(200ms, false);
  CHECK(w.changes.empty());
  w.run(100ms, false);
  CHECK(w.changes.size() == 1); // but it is not blind for ever
}

TEST_CASE("failure detector: a late tick takes back what was suspected before") {
  watcher w;
  w.run(300ms, false);
  REQUIRE(w.detector.suspects(peer));
  w.now += 101ms;
  w.run(50ms, false);
  CHECK_FALSE(w.detector.suspects(peer));
  CHECK_FALSE(w.changes.back().second);
}

TEST_CASE("failure detector: a tick that is a little late is no excuse") {
  watcher w;
  w.run(1s, true);
  w.run(150ms, false);
  w.now += 40ms;
  w.run(50ms, false);
  w.run(50ms, false);
  CHECK(w.detector.suspects(peer));
}

TEST_CASE("failure detector: blocked workers count as silence although heartbeats come "
          "[design, Links]") {
  watcher w;
  w.run(1s, true, 100ms);
  CHECK(w.changes.empty());
  w.run(50ms, true, 201ms);
  CHECK(w.detector.suspects(peer));
  w.run(50ms, true, 10ms);
  CHECK_FALSE(w.detector.suspects(peer));
}

TEST_CASE("failure detector: who is newly watched has a full window, whatever its probe says") {
  watcher w;
  w.run(1s, true);
  const node_id late{"container-2", {1}};
  w.detector.watch({peer, late}, w.now);
  w.detector.heard(late, 5s, w.now);
  w.run(200ms, true);
  CHECK(w.changes.empty());
  w.run(50ms, true);
  CHECK(w.detector.suspects(late));
  CHECK_FALSE(w.detector.suspects(peer));
}

TEST_CASE("failure detector: a watch that goes on keeps its window; one that ends is forgotten") {
  watcher w;
  w.run(150ms, false);
  w.detector.watch({peer}, w.now);
  w.run(100ms, false);
  CHECK(w.detector.suspects(peer));
  w.detector.watch({}, w.now);
  CHECK_FALSE(w.detector.suspects(peer));
  w.detector.heard(peer, {}, w.now);
  w.run(1s, false);
  CHECK(w.changes.size() == 1);
}

TEST_CASE("failure detector: another incarnation is another peer") {
  watcher w;
  w.run(150ms, false);
  w.detector.heard({peer.name, {4}}, {}, w.now);
  w.run(100ms, false);
  CHECK(w.detector.suspects(peer));
}
