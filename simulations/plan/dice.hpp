// Chance for plans: a function of a seed.
#pragma once

#include "protocol/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace holdfast::simulations {

class dice {
public:
  explicit dice(std::uint64_t seed) : chance_{seed} {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(chance_() % n); }
  std::size_t between(std::size_t least, std::size_t most) {
    return least + below(most - least + 1);
  }
  // In steps of 10 ms: plans are read by people.
  duration time(duration least, duration most) {
    const auto steps = static_cast<std::size_t>((most - least) / 10ms);
    return least + 10ms * static_cast<std::int64_t>(below(steps + 1));
  }
  bool percent(std::size_t p) { return below(100) < p; }

private:
  std::mt19937_64 chance_;
};

inline std::string numbered(const char* name, std::size_t n) {
  return name + std::to_string(n);
}

} // namespace holdfast::simulations
