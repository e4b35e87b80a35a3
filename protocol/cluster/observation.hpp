// What an actor remembers of its own work, so that somebody can look at it: how many messages of
// which type, how long they waited and took, and the latest of them. Bounded, and cheap enough to
// be always on. Sessions, of which there are many, keep none: their shard keeps a step_ring of
// each.
//
// Times come from outside. Waiting is sampled: one stamp is under way at a time, so a busy mailbox
// is measured now and then and an idle one always.
#pragma once

#include "protocol/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace holdfast::cluster {

// How often it took how long: bucket b counts what is below 2^b microseconds, the last the rest.
class histogram {
public:
  static constexpr std::size_t buckets = 20; // up to half a second

  void add(duration d);
  // The upper bound of the bucket in which that share of all lies; zero when there is none.
  [[nodiscard]] duration quantile(double share) const;
  [[nodiscard]] std::uint64_t total() const;
  [[nodiscard]] const std::array<std::uint32_t, buckets>& counts() const { return counts_; }

private:
  std::array<std::uint32_t, buckets> counts_{};
};

class observation {
public:
  enum class size : std::uint8_t { none, full };
  static constexpr std::size_t messages_max = 64;
  static constexpr std::size_t kinds_max = 24; // of messages; what comes later is counted as 0

  struct message {
    std::uint64_t kind = 0; // whatever names a type to the caller; 0: one of many
    std::uint64_t from = 0; // the sender, likewise; 0: nobody
    instant at{};
    std::int32_t waited_us = -1;    // -1: not measured
    std::int32_t processed_us = -1; // -1: it did not come back from this one
  };
  struct kind_figures {
    std::uint64_t kind = 0;
    std::uint64_t count = 0;
    duration processed{}; // in all
    duration waited_max{};
    duration processed_max{};
    histogram waited_for;
    histogram took;
  };

  explicit observation(size s);

  // One message: begin() before it is handled, end() behind it. An exception leaves out end().
  void begin(std::uint64_t kind, std::uint64_t from, std::optional<duration> waited, instant at);
  void end(instant at);

  [[nodiscard]] size of_size() const { return size_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] duration processed() const { return processed_; }
  [[nodiscard]] duration waited_max() const { return waited_max_; }
  [[nodiscard]] duration processed_max() const { return processed_max_; }
  [[nodiscard]] const std::vector<kind_figures>& kinds() const { return kinds_; }
  [[nodiscard]] std::vector<message> messages() const; // oldest first

private:
  std::size_t figures_of(std::uint64_t kind); // index into kinds_

  size size_;
  std::uint64_t count_ = 0;
  duration processed_{};
  duration waited_max_{};
  duration processed_max_{};
  std::vector<kind_figures> kinds_;
  std::size_t current_ = 0; // what is being handled, in kinds_
  std::vector<message> ring_;
};

// What a session did last, noted by its shard: whether the session rests, hangs or is well.
class step_ring {
public:
  static constexpr std::size_t kept = 8;

  struct step {
    std::uint32_t number = 0; // the how-manieth input of the session
    std::uint8_t kind = 0;    // index of session::event
    instant at{};             // when it was handed to the session
    std::int32_t waited_us = -1;
    std::int32_t processed_us = -1; // -1: the session did not come back from it
  };

  void add(const step& s);
  [[nodiscard]] std::vector<step> all() const; // oldest first
  [[nodiscard]] duration busy() const { return busy_; }
  [[nodiscard]] duration waited_max() const { return waited_max_; }
  [[nodiscard]] duration processed_max() const { return processed_max_; }

private:
  std::vector<step> ring_;
  std::size_t next_ = 0;
  duration busy_{};
  duration waited_max_{};
  duration processed_max_{};
};

} // namespace holdfast::cluster
