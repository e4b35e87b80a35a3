// check, node, launch: the commands that read a configuration.
#include "protocol/sip/digest.hpp"
#include "runtime/commands.hpp"
#include "runtime/configuration.hpp"
#include "runtime/configuration_environment.hpp"
#include "runtime/launcher.hpp"
#include "runtime/node_process.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <optional>

namespace holdfast::runtime {
namespace {

// Prints every problem; nothing if there is one. An empty name stands for the defaults.
std::optional<configuration> load(const std::string& file, const std::string& state = {}) {
  auto read = file.empty() ? read_outcome{} : read_configuration_file(file);
  if (!state.empty()) read.value.state.directory = state;
  for (auto& problem : check_applications(read.value, file)) read.problems.push_back(problem);
  for (auto& problem : check_credentials(read.value, file)) read.problems.push_back(problem);
  for (const auto& problem : read.problems) std::cerr << to_string(problem) << '\n';
  if (!read.ok()) return std::nullopt;
  return std::move(read.value);
}

struct launch_flags {
  std::string config;
  std::string sip;
  std::string console;
  std::string coordinator;
  std::string state;
  std::uint16_t coordinators = 0;
  std::uint16_t containers = 0;
  std::uint16_t proxies = 0;
};

void override_address(const std::string& flag, const std::string& text, endpoint& address) {
  if (text.empty()) return;
  const auto parsed = parse_endpoint(text);
  if (!parsed) throw CLI::ValidationError(flag, text + ": " + parsed.error().what);
  if (parsed->port == 0 && !text.ends_with(":0"))
    throw CLI::ValidationError(flag, text + " has no port; write " + text + ':'
                                         + std::to_string(address.port));
  address = *parsed;
}

int launch(const launch_flags& flags) {
  auto c = load(flags.config, flags.state);
  if (!c) return 1;
  override_address("--sip", flags.sip, c->sip.address);
  override_address("--console", flags.console, c->console.address);
  override_address("--coordinator", flags.coordinator, c->cluster.coordinator);
  if (flags.coordinators != 0) c->nodes.coordinators = flags.coordinators;
  if (flags.containers != 0) c->nodes.containers = flags.containers;
  if (flags.proxies != 0) c->nodes.proxies = flags.proxies;
  const auto problems = check_configuration(*c, "holdfast launch");
  for (const auto& problem : problems) std::cerr << to_string(problem) << '\n';
  if (!problems.empty()) return 1;
  return run_launcher(std::move(*c));
}

} // namespace

void add_launch_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("launch", "The whole cluster on this machine, supervised");
  auto flags = std::make_shared<launch_flags>();
  command->add_option("--config", flags->config, "Configuration file; without it, the defaults");
  command
      ->add_option("--coordinators", flags->coordinators,
                   "How many coordinators; several need the ledger in etcd")
      ->check(CLI::Range(1, 7));
  command->add_option("--containers", flags->containers, "How many containers")
      ->check(CLI::Range(1, 64));
  command->add_option("--proxies", flags->proxies, "How many proxies")->check(CLI::Range(1, 64));
  command->add_option("--sip", flags->sip, "SIP address, instead of [sip] address");
  command->add_option("--console", flags->console, "Instead of [console] address");
  command->add_option("--coordinator", flags->coordinator, "Instead of [cluster] coordinator");
  command->add_option("--state", flags->state, "Instead of [state] directory");
  command->callback([flags, &exit_code] { exit_code = launch(*flags); });
}

void add_node_command(CLI::App& app, int& exit_code) {
  struct node_flags {
    std::string name;
    std::string config;
    std::string console;
    int control_fd = -1;
  };
  auto* command = app.add_subcommand("node", "One node of a cluster, in the foreground");
  auto flags = std::make_shared<node_flags>();
  command->add_option("NAME", flags->name, "Role and number: container-1, proxy-2, ...")
      ->required();
  command->add_option("--config", flags->config, "Configuration file")->required();
  command->add_option("--console", flags->console,
                      "A console of its own at this address; the coordinator has one in any case");
  command->add_option("--control-fd", flags->control_fd, "The launcher's socket")->group("");
  command->callback([flags, &exit_code] {
    const auto serves = role_of_name(flags->name);
    if (!serves)
      throw CLI::ValidationError("NAME", "'" + flags->name
                                             + "' begins with no role; write coordinator-, "
                                               "dispatcher-, proxy- or container- and a number");
    auto c = load(flags->config);
    if (!c) {
      exit_code = exit_misconfigured;
      return;
    }
    node_identity who{flags->name, *serves, flags->control_fd, std::nullopt};
    if (!flags->console.empty()) {
      override_address("--console", flags->console, c->console.address);
      const auto problems = check_configuration(*c, "holdfast node");
      for (const auto& problem : problems) std::cerr << to_string(problem) << '\n';
      if (!problems.empty()) {
        exit_code = exit_misconfigured;
        return;
      }
      who.console = c->console.address;
    }
    exit_code = run_node(*c, who);
  });
}

// Lines for a credentials file. The password comes from standard input: an argument would be seen
// by everybody on this machine.
void add_credential_command(CLI::App& app, int& exit_code) {
  struct credential_flags {
    std::string user;
    std::string realm = authentication_section{}.realm;
    bool md5 = false;
  };
  auto* command =
      app.add_subcommand("credential", "Lines for a credentials file; the password on stdin");
  auto flags = std::make_shared<credential_flags>();
  command->add_option("USER", flags->user)->required();
  command->add_option("--realm", flags->realm)->capture_default_str();
  command->add_flag("--md5", flags->md5, "For MD5 too, which is weak");
  command->callback([flags, &exit_code] {
    std::string password;
    if (flags->user.find(':') != std::string::npos || flags->realm.find(':') != std::string::npos)
      throw CLI::ValidationError("USER", "neither user nor realm may contain a colon");
    if (!std::getline(std::cin, password) || password.empty())
      throw CLI::ValidationError("USER", "write the password to standard input");
    std::vector algorithms{hash_algorithm::sha_256, hash_algorithm::sha_512_256};
    if (flags->md5) algorithms.push_back(hash_algorithm::md5);
    for (const auto algorithm : algorithms)
      std::cout << flags->user << ':' << flags->realm << ':' << sip::to_string(algorithm) << ':'
                << sip::ha1_of(algorithm, flags->user, flags->realm, password) << '\n';
    exit_code = 0;
  });
}

void add_check_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("check", "Validate a configuration file");
  auto file = std::make_shared<std::string>();
  command->add_option("FILE", *file, "The file")->required();
  command->callback([file, &exit_code] {
    exit_code = load(*file) ? 0 : 1;
    if (exit_code == 0) std::cout << *file << ": good\n";
  });
}

} // namespace holdfast::runtime
