// All deadlines of a node in one place: arming and firing cost O(1), far deadlines cost one look
// per revolution. What fires is an address and a generation; the receiver compares generations, so
// that a deadline which was moved or cancelled meanwhile fires into the void.
#pragma once

#include "protocol/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast {

template <class Address>
class timing_wheel {
public:
  struct entry {
    Address address{};
    std::uint64_t generation = 0;
    std::int64_t tick = 0;
  };

  timing_wheel(duration resolution, std::size_t slots) : resolution_{resolution}, slots_(slots) {}

  // Fires at the first advance() at or after `deadline`, rounded up to the resolution.
  void arm(instant deadline, Address address, std::uint64_t generation) {
    auto tick = (deadline.time_since_epoch() + resolution_ - duration{1}) / resolution_;
    if (tick <= current_) tick = current_ + 1;
    slots_[slot_of(tick)].push_back({address, generation, tick});
    ++size_;
  }

  // Everything that is due by `now`, in the order of deadlines.
  [[nodiscard]] std::vector<entry> advance(instant now) {
    std::vector<entry> due;
    const auto last = now.time_since_epoch() / resolution_;
    if (current_ < last - static_cast<std::int64_t>(slots_.size()))
      current_ = last - static_cast<std::int64_t>(slots_.size()); // one revolution sees them all
    while (current_ < last) {
      ++current_;
      auto& slot = slots_[slot_of(current_)];
      std::size_t kept = 0;
      for (auto& e : slot) {
        if (e.tick <= current_)
          due.push_back(e);
        else
          slot[kept++] = e;
      }
      slot.resize(kept);
    }
    size_ -= due.size();
    return due;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

private:
  [[nodiscard]] std::size_t slot_of(std::int64_t tick) const {
    return static_cast<std::size_t>(tick) % slots_.size();
  }

  duration resolution_;
  std::int64_t current_ = 0;
  std::vector<std::vector<entry>> slots_;
  std::size_t size_ = 0;
};

} // namespace holdfast
