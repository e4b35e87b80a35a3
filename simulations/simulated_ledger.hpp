// The ledger: outlives every process, takes its time, and lets one writer win.
//
// What a fault does:
//   slow         every answer takes up to two seconds longer
//   unreachable  nothing is read or written; an error comes back
//   forgetful    what is asked is done, but the answer to a write is lost: an error comes back
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
  static constexpr duration slowness_max{2s};

  enum class mood : std::uint8_t { fine, slow, unreachable, forgetful };

  explicit simulated_ledger(timeline& time) : time_{time} {}

  void set_mood(mood m) { mood_ = m; }
  // Told of every record that was written, at once.
  void observe(std::function<void(const std::string& bytes)> to) { observer_ = std::move(to); }

  // Number 0: nothing was ever written. `error`: not empty when it could not be read.
  void
  load(std::function<void(std::uint64_t number, const std::string& bytes, const std::string& error)>
           done) {
    time_.after(delay(), [this, done = std::move(done)] {
      if (mood_ == mood::unreachable)
        done(0, {}, unreachable);
      else
        done(number_, bytes_, {});
    });
  }

  // `error`: not empty when nobody knows whether it was written.
  void compare_and_swap(std::uint64_t number, std::string bytes,
                        std::function<void(bool written, const std::string& error)> done) {
    time_.after(delay(), [=, this, bytes = std::move(bytes), done = std::move(done)] {
      const auto was = mood_;
      const bool fits = was != mood::unreachable && number == number_ + 1;
      if (fits) {
        number_ = number;
        bytes_ = bytes;
        if (observer_) observer_(bytes_);
      }
      const bool answered = was == mood::fine || was == mood::slow;
      time_.after(delay(), [=] { done(fits && answered, answered ? "" : unreachable); });
    });
  }

private:
  static constexpr const char* unreachable = "the ledger can not be reached";

  [[nodiscard]] duration delay() {
    const auto usual = time_.between(delay_min, delay_max);
    return mood_ == mood::slow ? usual + time_.between({}, slowness_max) : usual;
  }

  timeline& time_;
  mood mood_ = mood::fine;
  std::uint64_t number_ = 0;
  std::string bytes_;
  std::function<void(const std::string&)> observer_;
};

} // namespace holdfast::simulations
