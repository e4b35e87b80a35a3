// The ledger: outlives every process, takes its time, and lets one writer win.
#pragma once

#include "simulations/timeline.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace holdfast::simulations {

class simulated_ledger {
public:
  static constexpr duration delay_min{200us};
  static constexpr duration delay_max{6ms}; // an fsync

  explicit simulated_ledger(timeline& time) : time_{time} {}

  // Number 0: nothing was ever written.
  void load(std::function<void(std::uint64_t number, const std::string& bytes)> done) {
    time_.after(delay(), [this, done = std::move(done)] { done(number_, bytes_); });
  }

  void compare_and_swap(std::uint64_t number, std::string bytes,
                        std::function<void(bool written)> done) {
    time_.after(delay(), [=, this, bytes = std::move(bytes), done = std::move(done)] {
      const bool fits = number == number_ + 1;
      if (fits) {
        number_ = number;
        bytes_ = bytes;
      }
      time_.after(delay(), [done, fits] { done(fits); });
    });
  }

private:
  [[nodiscard]] duration delay() { return time_.between(delay_min, delay_max); }

  timeline& time_;
  std::uint64_t number_ = 0;
  std::string bytes_;
};

} // namespace holdfast::simulations
