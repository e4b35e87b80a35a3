// Virtual time, chance, and what is going to happen: everything in a run that is not an actor. All
// of it is a function of the seed. The trace hash is the run's fingerprint: two runs that differ in
// who did what, or when, differ in it.
#pragma once

#include "protocol/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string_view>
#include <utility>

namespace holdfast::simulations {

class timeline {
public:
  explicit timeline(std::uint64_t seed) : chance_{seed} {}

  [[nodiscard]] instant now() const { return now_; }

  [[nodiscard]] std::uint64_t random() { return chance_(); }
  [[nodiscard]] std::size_t below(std::size_t n); // 0 .. n - 1
  [[nodiscard]] duration between(duration least, duration most);

  // Events of one instant happen in the order in which they were set.
  void at(instant when, std::function<void()> what);
  void after(duration later, std::function<void()> what) { at(now_ + later, std::move(what)); }

  [[nodiscard]] std::optional<instant> next() const;
  void advance(instant to); // never back
  void run_next();          // at its time; there must be one
  void forget_all() { events_.clear(); }

  // The trace: FNV-1a.
  void note(std::uint64_t what);
  void note(std::string_view what);
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t notes() const { return notes_; }

private:
  void mix(unsigned char byte);

  std::mt19937_64 chance_;
  instant now_{1h}; // before this there was a time, as on every machine
  std::map<std::pair<instant, std::uint64_t>, std::function<void()>> events_;
  std::uint64_t next_event_ = 0;
  std::uint64_t hash_ = 14695981039346656037ULL;
  std::uint64_t notes_ = 0;
};

} // namespace holdfast::simulations
