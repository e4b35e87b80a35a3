// A run in the real world: two wires, the steady clock, and /bin/sh for the fault.
#pragma once

#include "runtime/exercise/run.hpp"
#include "runtime/exercise/wire.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::exercise {

struct loop_outcome {
  std::optional<std::int64_t> fault_time_ms; // Unix time at which the fault command was started
  std::optional<int> fault_exit;             // its exit code, 128 + n for signal n
};

// Blocks until the run is finished. `progress`: a line per second on standard error.
loop_outcome drive(run& r, wire& callers, wire& callees, const std::string& fault_command,
                   bool progress);

} // namespace holdfast::exercise
