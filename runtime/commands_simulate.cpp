// simulate: the simulator is an executable of its own, beside this one, because it is built of the
// product's code with points for unlikely choices and planted defects in it.
#include "runtime/commands.hpp"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <unistd.h>
#include <vector>

namespace holdfast::runtime {
namespace {

constexpr const char* simulator = "holdfast-simulate";

// Returns only when it could not.
int become_simulator(std::vector<std::string> arguments) {
  std::error_code unreadable;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", unreadable);
  const auto path = self.parent_path() / simulator;
  arguments.insert(arguments.begin(), path.string());
  std::vector<char*> given;
  for (auto& each : arguments) given.push_back(each.data());
  given.push_back(nullptr);
  ::execv(path.c_str(), given.data());
  std::cerr << "holdfast simulate: " << path.string() << ": " << std::strerror(errno)
            << "; cmake --build --preset release builds it\n";
  return 1;
}

} // namespace

void add_simulate_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "simulate", "Run whole clusters in one thread, in virtual time, with faults");
  command->prefix_command();
  command->set_help_flag();
  command->set_help_all_flag();
  command->callback([command, &exit_code] { exit_code = become_simulator(command->remaining()); });
}

} // namespace holdfast::runtime
