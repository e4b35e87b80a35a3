// The verdict on a run and its two spellings: a table for people, JSON for programs.
#pragma once

#include "runtime/exercise/figures.hpp"
#include "runtime/exercise/run.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::exercise {

struct lost_call {
  std::uint32_t number = 0;
  std::string call_id;
  std::string reason;
};

struct verdict {
  std::size_t calls = 0;
  std::size_t stable_at_fault = 0;
  std::size_t extra_calls = 0;
  std::vector<lost_call> lost;
  // Of the first calls and of registrations, strays; and "ends-agree" of the extra ones: a call in
  // the making may fail when its node dies, but never by half.
  std::vector<violation> violations;
  std::vector<violation> extra_violations; // the rest of theirs; told, not held against anybody
  figures first;
  figures extra;
  bool faulted = false;
  bool timed_out = false;

  [[nodiscard]] bool clean() const { return violations.empty() && lost.empty() && !timed_out; }
};

[[nodiscard]] verdict decide(const evidence& seen);

// Table, the first `ladders` violations in full, and the verdict line.
[[nodiscard]] std::string table(const verdict& v, const evidence& seen, std::size_t ladders = 3);

// `fault_time_ms`: Unix time; nullopt: there was none. `fault_exit`: of the fault command.
[[nodiscard]] std::string json(const verdict& v, std::optional<std::int64_t> fault_time_ms,
                               std::optional<int> fault_exit);

} // namespace holdfast::exercise
