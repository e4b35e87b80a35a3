// certificates: the cluster's own authority, and a certificate for each node.
#include "runtime/certificates.hpp"
#include "runtime/commands.hpp"
#include "runtime/configuration.hpp"
#include "runtime/node_identity.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>

namespace holdfast::runtime {
namespace {

struct certificate_flags {
  std::string config;
  std::string state;
  std::vector<std::string> nodes;
  int days = 0;
};

// nullopt: the file is wrong, and that has been said.
std::optional<certificate_paths> place_of(const certificate_flags& flags) {
  auto read = flags.config.empty() ? read_outcome{} : read_configuration_file(flags.config);
  for (const auto& problem : read.problems) std::cerr << to_string(problem) << '\n';
  if (!read.ok()) return std::nullopt;
  if (!flags.state.empty()) read.value.state.directory = flags.state;
  return certificate_paths{certificate_directory(read.value)};
}

int told(const result<void>& done, const std::string& what) {
  if (!done) {
    std::cerr << "holdfast: " << done.error().what << '\n';
    return 1;
  }
  std::cout << what << '\n';
  return 0;
}

int init(const certificate_flags& flags) {
  const auto where = place_of(flags);
  if (!where) return 1;
  return told(create_authority(*where, flags.days == 0 ? authority_days : flags.days),
              "made " + where->authority().string()
                  + "; its key stays on the machine where nodes are made");
}

int issue(const certificate_flags& flags, bool replace) {
  const auto where = place_of(flags);
  if (!where) return 1;
  for (const auto& node : flags.nodes) {
    if (!role_of_name(node)) {
      std::cerr << "holdfast: '" << node
                << "' is no name of a node; write container-1, proxy-2, ...\n";
      return 2;
    }
    const auto days = flags.days == 0 ? certificate_days : flags.days;
    const int failed = told(issue_certificate(*where, node, replace, days),
                            "made " + where->of(node).string()
                                + (replace ? "; the node takes it when it is started again" : ""));
    if (failed != 0) return failed;
  }
  return 0;
}

std::string date_of(std::chrono::system_clock::time_point at) {
  const auto seconds = std::chrono::system_clock::to_time_t(at);
  std::tm broken{};
  ::gmtime_r(&seconds, &broken);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d", &broken);
  return text;
}

int show(const certificate_flags& flags) {
  const auto where = place_of(flags);
  if (!where) return 1;
  const auto all = list_certificates(*where);
  if (!all) return told(fail(all.error().what + "; holdfast certificates init makes it"), "");
  bool good = true;
  for (const auto& c : *all) {
    good = good && c.problem.empty();
    std::printf("%-20s %s  until %s  %s\n", c.name.empty() ? "authority" : c.name.c_str(),
                c.file.c_str(), date_of(c.until).c_str(),
                c.problem.empty() ? "good" : c.problem.c_str());
  }
  return good ? 0 : 1;
}

} // namespace

void add_certificates_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("certificates", "The authority and the nodes' certificates");
  command->require_subcommand(1);
  auto flags = std::make_shared<certificate_flags>();
  const auto add = [&](const char* name, const char* what) {
    auto* made = command->add_subcommand(name, what);
    made->add_option("--config", flags->config, "Configuration file; without it, the defaults");
    made->add_option("--state", flags->state, "Instead of [state] directory");
    return made;
  };
  const auto add_days = [&](CLI::App* to) {
    to->add_option("--days", flags->days, "How long it is good")->check(CLI::Range(1, 36'500));
  };
  const auto add_nodes = [&](CLI::App* to) {
    to->add_option("NODE", flags->nodes, "container-1, proxy-2, ...")->required();
  };
  auto* initializing = add("init", "Make the authority");
  add_days(initializing);
  initializing->callback([flags, &exit_code] { exit_code = init(*flags); });
  auto* issuing = add("issue", "Make the certificate of a node");
  add_days(issuing);
  add_nodes(issuing);
  issuing->callback([flags, &exit_code] { exit_code = issue(*flags, false); });
  auto* renewing = add("renew", "Make a node's certificate and key anew");
  add_days(renewing);
  add_nodes(renewing);
  renewing->callback([flags, &exit_code] { exit_code = issue(*flags, true); });
  add("show", "Every certificate, until when, and what is wrong with it")
      ->callback([flags, &exit_code] { exit_code = show(*flags); });
}

} // namespace holdfast::runtime
