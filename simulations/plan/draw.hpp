// Plans out of a seed. Swarm testing: each seed allows a subset of the kinds of faults and of the
// kinds of calls, each with an intensity of its own, so that rare combinations are not drowned by
// the sum of everything.
#pragma once

#include "simulations/plan/run_plan.hpp"

#include <string>
#include <vector>

namespace holdfast::simulations {

// Scenarios that are drawn; the others are files (simulations/scenarios).
struct drawn_scenario {
  std::string name;
  std::string what;
};
[[nodiscard]] const std::vector<drawn_scenario>& drawn_scenarios();

// Throws std::invalid_argument when there is no such scenario.
[[nodiscard]] run_plan draw_plan(std::uint64_t seed, const std::string& scenario);

} // namespace holdfast::simulations
