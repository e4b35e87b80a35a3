// One run: a plan is carried out in a simulated cluster, and judged.
//
//   formed -> calls and faults -> healed -> requests in every call, new calls -> one more failover
//          -> everybody hangs up -> 64*T1 -> evidence -> verdict
#pragma once

#include "simulations/campaign/run_result.hpp"
#include "simulations/plan/run_plan.hpp"

#include <iosfwd>

namespace holdfast::simulations {

// Never throws: what goes wrong in here is a finding ("I0"). `trace`: nullptr, or where every step,
// fault, datagram and view goes (README, "Traces"). One at a time in a process: it uses the state
// behind protocol/core/buggify.hpp.
[[nodiscard]] run_result rehearse(const run_plan& plan, std::ostream* trace = nullptr);

} // namespace holdfast::simulations
