// `holdfast exercise`: places calls as real SIP user agents and judges what they saw.
#pragma once

#include <CLI/App.hpp>

namespace holdfast::runtime {

// Sets `exit_code`: 0 nothing to complain about, 1 violations or lost calls, 3 could not run (no
// answer from the target, registration refused, fault command failed). Wrong flags throw.
void add_exercise_command(CLI::App& app, int& exit_code);

} // namespace holdfast::runtime
