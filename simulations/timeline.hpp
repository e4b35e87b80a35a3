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

  // The trace. A step is one message of one actor: who, and what kind of message, which is either a
  // name or the number of a frame.
  struct step {
    instant at;
    std::string_view node;
    std::string_view actor;
    std::string_view kind;
    std::uint64_t number = 0; // when `kind` is empty
  };
  void note_step(std::string_view node, std::string_view actor);
  void note_kind(std::string_view name);
  void note_kind(std::uint64_t number);
  void trace_to(std::function<void(const step&)> sink) { sink_ = std::move(sink); }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  // Messages handled and things that happened by themselves.
  [[nodiscard]] std::uint64_t events() const { return events_done_; }

private:
  void mix(std::uint64_t word);
  void mix(std::string_view text);

  std::mt19937_64 chance_;
  instant now_{1h}; // before this there was a time, as on every machine
  std::map<std::pair<instant, std::uint64_t>, std::function<void()>> events_;
  std::uint64_t next_event_ = 0;
  std::uint64_t hash_ = 14695981039346656037ULL;
  std::uint64_t events_done_ = 0;
  step last_;
  std::function<void(const step&)> sink_;
};

} // namespace holdfast::simulations
