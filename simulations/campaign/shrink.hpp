// A plan that violates an invariant, made smaller for as long as it still does: fewer faults,
// calls, requests and nodes, shorter, no unlikely choices. A smaller plan is another run, so each
// candidate is tried with a few seeds.
#pragma once

#include "simulations/campaign/run_result.hpp"
#include "simulations/plan/run_plan.hpp"

#include <cstddef>
#include <functional>
#include <string>

namespace holdfast::simulations {

struct shrunk {
  run_plan plan;
  run_result result;
  std::size_t runs = 0;
};

// `plan` violates `invariant`, as `result` shows. At most `runs_max` runs.
[[nodiscard]] shrunk shrink(run_plan plan, run_result result, const std::string& invariant,
                            std::size_t runs_max);

} // namespace holdfast::simulations
