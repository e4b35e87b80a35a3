// Time as the pure code sees it: an argument. An instant counts microseconds on the clock of one
// node and means nothing on another; what travels between nodes is remaining time (design,
// "Commit before output").
#pragma once

#include <chrono>
#include <cstdint>

namespace holdfast {

using duration = std::chrono::microseconds;

// Never instantiated as a clock: it only keeps instants apart from other time points.
struct node_clock {
  using rep = std::int64_t;
  using period = std::micro;
  using duration = holdfast::duration;
  using time_point = std::chrono::time_point<node_clock, holdfast::duration>;
  static constexpr bool is_steady = true;
};

using instant = node_clock::time_point;

using namespace std::chrono_literals;

} // namespace holdfast
