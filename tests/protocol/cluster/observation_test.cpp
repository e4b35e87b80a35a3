#include "protocol/cluster/observation.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using cluster::histogram;
using cluster::observation;

TEST_CASE("histogram: a duration falls below the next power of two") {
  histogram h;
  for (int i = 0; i < 90; ++i) h.add(3us);
  for (int i = 0; i < 10; ++i) h.add(900us);
  CHECK(h.total() == 100);
  CHECK(h.quantile(0.5) == 4us);
  CHECK(h.quantile(0.95) == 1024us);
  h.add(10s); // beyond the last bucket, kept in it
  CHECK(h.total() == 101);
  CHECK(histogram{}.quantile(0.5) == 0us);
}

TEST_CASE("observation: counts and times are kept by type of message") {
  observation o{observation::size::full};
  const instant t{1s};
  o.begin(7, 1, 2ms, t);
  o.end(t + 5us);
  o.begin(7, 1, std::nullopt, t + 1ms);
  o.end(t + 1ms + 9us);
  o.begin(8, 2, 40us, t + 2ms);
  o.end(t + 2ms + 1us);
  REQUIRE(o.kinds().size() == 2);
  CHECK(o.kinds()[0].count == 2);
  CHECK(o.kinds()[0].processed == 14us);
  CHECK(o.kinds()[0].processed_max == 9us);
  CHECK(o.kinds()[0].waited_for.total() == 1); // waiting is sampled
  CHECK(o.kinds()[0].waited_max == 2ms);
  CHECK(o.processed() == 15us);
  CHECK(o.waited_max() == 2ms);
}

TEST_CASE("observation: the last messages are kept in order") {
  observation o{observation::size::full};
  for (std::uint64_t i = 1; i <= 100; ++i) {
    o.begin(i, 0, std::nullopt, instant{duration{static_cast<std::int64_t>(i)}});
    o.end(instant{duration{static_cast<std::int64_t>(i) + 1}});
  }
  const auto messages = o.messages();
  REQUIRE(messages.size() == observation::messages_max);
  CHECK(messages.back().kind == 100);
  CHECK(messages.front().kind == 101 - observation::messages_max);
  CHECK(messages.back().processed_us == 1);
  CHECK(o.kinds().size() <= observation::kinds_max);
}

TEST_CASE("step ring: the last steps are kept in order, their sums and maxima of all") {
  cluster::step_ring ring;
  for (std::uint32_t i = 1; i <= 20; ++i)
    ring.add({i, 0, instant{}, static_cast<std::int32_t>(i), 2});
  ring.add({21, 1, instant{}, 3, -1}); // it did not come back
  const auto steps = ring.all();
  REQUIRE(steps.size() == cluster::step_ring::kept);
  CHECK(steps.front().number == 14);
  CHECK(steps.back().number == 21);
  CHECK(ring.busy() == 40us);
  CHECK(ring.waited_max() == 20us);
  CHECK(ring.processed_max() == 2us);
}

TEST_CASE(
    "observation: a message from which the actor did not come back is the last, without an end") {
  observation o{observation::size::full};
  o.begin(1, 0, std::nullopt, instant{});
  o.end(instant{2us});
  o.begin(2, 0, std::nullopt, instant{3us});
  CHECK(o.messages().back().kind == 2);
  CHECK(o.messages().back().processed_us == -1);
}
