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

TEST_CASE("observation: the last messages are kept in order, a small one keeps fewer") {
  for (const auto size : {observation::size::small, observation::size::full}) {
    observation o{size};
    const std::size_t kept =
        size == observation::size::small ? observation::messages_small : observation::messages_full;
    for (std::uint64_t i = 1; i <= 100; ++i) {
      o.begin(i, 0, std::nullopt, instant{duration{static_cast<std::int64_t>(i)}});
      o.end(instant{duration{static_cast<std::int64_t>(i) + 1}});
    }
    const auto messages = o.messages();
    REQUIRE(messages.size() == kept);
    CHECK(messages.back().kind == 100);
    CHECK(messages.front().kind == 101 - kept);
    CHECK(messages.back().processed_us == 1);
    CHECK(o.kinds().size() <= observation::kinds_max);
  }
}

TEST_CASE(
    "observation: a message from which the actor did not come back is the last, without an end") {
  observation o{observation::size::small};
  o.begin(1, 0, std::nullopt, instant{});
  o.end(instant{2us});
  o.begin(2, 0, std::nullopt, instant{3us});
  CHECK(o.messages().back().kind == 2);
  CHECK(o.messages().back().processed_us == -1);
}
