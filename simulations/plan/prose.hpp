// Plans as text: one sentence a line, '#' begins a remark, the order of lines does not matter. What
// is written reads back as the same plan; simulations/scenarios and regressions are such files.
//
//   a cluster of 2 proxies, 3 containers, 8 shards, 1 replica, supervised
//   bob-1 is registered for 600 s
//   at 1.5 s call 1 to bob-1 is made, answered after 1 s, held for 20 s
//   at 4 s container-2 crashes for 2 s
//   faults end after 8 s
#pragma once

#include "protocol/core/result.hpp"
#include "simulations/plan/run_plan.hpp"

#include <string>
#include <string_view>

namespace holdfast::simulations {

[[nodiscard]] std::string to_prose(const run_plan& plan);
[[nodiscard]] std::string to_prose(const fault& f);
[[nodiscard]] std::string to_prose(const call_plan& call);

// Error: names the line, and what it does not understand in it.
[[nodiscard]] result<run_plan> read_prose(std::string_view text);

} // namespace holdfast::simulations
