// The subcommands (design, "The command line"). Each add_*_command puts one into `app`; running it
// sets `exit_code`: 0 done, 1 it failed and said why, 2 the command line was wrong.
#pragma once

#include <CLI/App.hpp>

namespace holdfast::runtime {

inline constexpr int exit_misused = 2;

void add_launch_command(CLI::App& app, int& exit_code);
void add_node_command(CLI::App& app, int& exit_code);
void add_check_command(CLI::App& app, int& exit_code);
void add_simulate_command(CLI::App& app, int& exit_code);
void add_credential_command(CLI::App& app, int& exit_code);
void add_certificates_command(CLI::App& app, int& exit_code);

// These ask the console of a running cluster.
void add_members_command(CLI::App& app, int& exit_code);
void add_shards_command(CLI::App& app, int& exit_code);
void add_kill_command(CLI::App& app, int& exit_code);
void add_drain_command(CLI::App& app, int& exit_code);
void add_undrain_command(CLI::App& app, int& exit_code);
void add_move_command(CLI::App& app, int& exit_code);
void add_calls_command(CLI::App& app, int& exit_code);
void add_actors_command(CLI::App& app, int& exit_code);
void add_events_command(CLI::App& app, int& exit_code);

void add_completion_command(CLI::App& app, int& exit_code);

} // namespace holdfast::runtime
