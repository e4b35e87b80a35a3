// A call as its user agents saw it, message by message, with the faults and takeovers at their
// times: what an engineer reads first when a run went wrong.
#pragma once

#include "simulations/oracle/evidence.hpp"

#include <string>

namespace holdfast::simulations {

// call 0: the faults and takeovers alone. At most `lines_max` lines; what is left out is said.
inline constexpr std::size_t ladder_lines_max = 120;
[[nodiscard]] std::string ladder(const evidence& e, unsigned call);

} // namespace holdfast::simulations
