// members, shards, kill, drain, undrain, move: questions to the console, answers as a table or as
// JSON.
#include "runtime/commands.hpp"
#include "runtime/console_access.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>
#include <unistd.h>

namespace holdfast::runtime {
namespace {

int list(const console_access& access, const std::string& target) {
  const auto answer = ask(access, "GET", target);
  if (!answer) return 1;
  if (access.format == "json") {
    std::cout << *answer << (answer->ends_with('\n') ? "" : "\n");
    return 0;
  }
  boost::system::error_code not_json;
  const auto json = boost::json::parse(*answer, not_json);
  if (not_json || !json.is_array()) {
    std::cerr << "holdfast: the console answered something that is no list\n";
    return 1;
  }
  print_table(json.as_array());
  return 0;
}

// What the table of the nodes does not show: without its ledger nothing changes its owner.
int members(const console_access& access) {
  const int code = list(access, "/api/v1/members");
  if (code != 0 || access.format == "json") return code;
  const auto status = ask_json(access, "/api/v1/status");
  if (!status || !status->is_object()) return 1;
  const auto* ledger = status->as_object().if_contains("ledger");
  if (ledger == nullptr || !ledger->is_object()) return 0;
  if (const auto* error = ledger->as_object().if_contains("error"))
    std::cerr << "holdfast: no shard changes its owner, because the ledger can not be reached: "
              << cell(*error) << '\n';
  return 0;
}

void add_list_command(CLI::App& app, int& exit_code, const std::string& name,
                      const std::string& what) {
  auto* command = app.add_subcommand(name, what);
  auto access = add_access_options(*command);
  add_format_option(*command, *access);
  add_watch_option(*command, *access);
  command->callback([access, &exit_code, name] {
    exit_code = once_or_watch(*access, [&] {
      return name == "members" ? members(*access) : list(*access, "/api/v1/" + name);
    });
  });
}

} // namespace

void add_members_command(CLI::App& app, int& exit_code) {
  add_list_command(app, exit_code, "members", "The nodes of the cluster and their load");
}

void add_shards_command(CLI::App& app, int& exit_code) {
  add_list_command(app, exit_code, "shards", "Who owns which shard, and who holds its copies");
}

namespace {

void require_node_name(const std::string& node) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
           || c == '_' || c == '.';
  };
  if (node.empty() || !std::all_of(node.begin(), node.end(), fits))
    throw CLI::ValidationError("NODE", "'" + node + "' is no name of a node");
}

// The row of a list whose `key` is `value`; nullopt: there is none, or no answer.
std::optional<boost::json::object> row_of(const console_access& access, const std::string& list,
                                          const std::string& key, const std::string& value) {
  const auto answer = ask(access, "GET", "/api/v1/" + list);
  if (!answer) return std::nullopt;
  boost::system::error_code not_json;
  const auto rows = boost::json::parse(*answer, not_json);
  if (not_json || !rows.is_array()) return std::nullopt;
  for (const auto& row : rows.as_array())
    if (row.is_object() && row.as_object().contains(key) && cell(row.at(key)) == value)
      return row.as_object();
  return std::nullopt;
}

struct waiting_options {
  bool no_wait = false;
  unsigned timeout_s = 300;
};

std::shared_ptr<waiting_options> add_waiting_options(CLI::App& command) {
  auto waiting = std::make_shared<waiting_options>();
  command.add_flag("--no-wait", waiting->no_wait, "Order it and return at once");
  command.add_option("--timeout", waiting->timeout_s, "Seconds to wait until it is done")
      ->capture_default_str();
  return waiting;
}

// Looks until `done` says so; it prints why when it gives up.
int wait_until(const waiting_options& waiting, const std::string& what,
               const std::function<std::optional<bool>()>& done) {
  constexpr std::chrono::milliseconds look_again{200};
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{waiting.timeout_s};
  while (std::chrono::steady_clock::now() < end) {
    const auto looked = done();
    if (!looked) return 1;
    if (*looked) {
      std::cout << what << '\n';
      return 0;
    }
    std::this_thread::sleep_for(look_again);
  }
  std::cerr << "holdfast: not done within " << waiting.timeout_s << " s; it goes on\n";
  return 1;
}

std::uint64_t number_in(const boost::json::object& row, const char* key) {
  const auto* value = row.if_contains(key);
  boost::system::error_code wrong;
  return value == nullptr ? 0 : value->to_number<std::uint64_t>(wrong);
}

int drain(const console_access& access, const std::string& node, const waiting_options& waiting) {
  if (!ask(access, "POST", "/api/v1/drain/" + node)) return 1;
  std::cout << "draining " << node << std::endl;
  if (waiting.no_wait) return 0;
  return wait_until(
      waiting, node + " holds nothing any more: it can be stopped", [&]() -> std::optional<bool> {
        const auto row = row_of(access, "members", "name", node);
        if (!row) return std::nullopt;
        if (cell(row->at("state")) != "draining" && cell(row->at("state")) != "active") {
          std::cerr << "holdfast: " << node << " is " << cell(row->at("state")) << '\n';
          return std::nullopt;
        }
        return cell(row->at("state")) == "draining" && number_in(*row, "shards") == 0
               && number_in(*row, "replicas") == 0;
      });
}

int move_shard(const console_access& access, unsigned shard, const std::string& node,
               const waiting_options& waiting) {
  const auto number = std::to_string(shard);
  if (!ask(access, "POST", "/api/v1/move/" + number + "/" + node)) return 1;
  std::cout << "moving shard " << number << " to " << node << std::endl;
  if (waiting.no_wait) return 0;
  return wait_until(waiting, node + " owns shard " + number, [&]() -> std::optional<bool> {
    const auto row = row_of(access, "shards", "shard", number);
    if (!row) return std::nullopt;
    const auto owner = cell(row->at("owner"));
    return owner.substr(0, owner.rfind('#')) == node && cell(row->at("active")) == "yes";
  });
}

// A person is asked once, with what it touches; a script is not.
bool confirmed(const console_access& access, const std::string& node) {
  if (isatty(STDIN_FILENO) == 0) return true;
  const auto row = row_of(access, "members", "name", node);
  std::cout << "kill " << node << ", where " << (row ? number_in(*row, "sessions") : 0)
            << " sessions live? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

} // namespace

void add_kill_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("kill", "SIGKILL a node that the launcher supervises");
  auto access = add_access_options(*command);
  auto node = std::make_shared<std::string>();
  auto sure = std::make_shared<bool>(false);
  command->add_option("NODE", *node, "As in `holdfast members`")->required();
  command->add_flag("--yes", *sure, "Do not ask");
  command->callback([access, node, sure, &exit_code] {
    require_node_name(*node);
    if (!*sure && !confirmed(*access, *node)) {
      exit_code = 1;
      return;
    }
    exit_code = ask(*access, "POST", "/api/v1/kill/" + *node) ? 0 : 1;
    if (exit_code == 0) std::cout << "killed " << *node << '\n';
  });
}

void add_drain_command(CLI::App& app, int& exit_code) {
  auto* command =
      app.add_subcommand("drain", "Move everything a container holds elsewhere, call by call");
  auto access = add_access_options(*command);
  auto waiting = add_waiting_options(*command);
  auto node = std::make_shared<std::string>();
  command->add_option("NODE", *node, "As in `holdfast members`")->required();
  command->callback([=, &exit_code] {
    require_node_name(*node);
    exit_code = drain(*access, *node, *waiting);
  });
}

void add_undrain_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("undrain", "Let a container own shards again");
  auto access = add_access_options(*command);
  auto node = std::make_shared<std::string>();
  command->add_option("NODE", *node, "As in `holdfast members`")->required();
  command->callback([access, node, &exit_code] {
    require_node_name(*node);
    exit_code = ask(*access, "POST", "/api/v1/undrain/" + *node) ? 0 : 1;
    if (exit_code == 0) std::cout << *node << " takes shards again\n";
  });
}

void add_move_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("move", "Make a container the owner of a shard");
  auto access = add_access_options(*command);
  auto waiting = add_waiting_options(*command);
  auto shard = std::make_shared<unsigned>();
  auto node = std::make_shared<std::string>();
  command->add_option("SHARD", *shard, "As in `holdfast shards`")
      ->required()
      ->check(CLI::Range(0U, 65535U));
  command->add_option("NODE", *node, "As in `holdfast members`")->required();
  command->callback([=, &exit_code] {
    require_node_name(*node);
    exit_code = move_shard(*access, *shard, *node, *waiting);
  });
}

} // namespace holdfast::runtime
