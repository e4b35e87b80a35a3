// members, shards, kill: questions to the console, answers as a table or as JSON.
#include "runtime/commands.hpp"
#include "runtime/configuration.hpp"
#include "runtime/http_client.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>

namespace holdfast::runtime {
namespace {

constexpr std::chrono::milliseconds patience{5000};

struct console_access {
  std::string config;
  std::string console;
  std::string format = "table";
};

std::shared_ptr<console_access> add_access_options(CLI::App& command) {
  auto access = std::make_shared<console_access>();
  command.add_option("--config", access->config,
                     "Configuration of the cluster, for its console's address");
  command.add_option("--console", access->console, "Address of the console, as in 127.0.0.1:8080")
      ->envname("HOLDFAST_CONSOLE");
  return access;
}

void add_format_option(CLI::App& command, console_access& access) {
  command.add_option("-o,--output", access.format, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

endpoint console_address(const console_access& access) {
  if (!access.console.empty()) {
    auto text = access.console;
    if (text.starts_with("http://")) text.erase(0, 7);
    while (text.ends_with('/')) text.pop_back();
    const auto parsed = parse_endpoint(text);
    if (!parsed)
      throw std::runtime_error{"--console " + access.console + ": " + parsed.error().what};
    return *parsed;
  }
  if (access.config.empty()) return configuration{}.console.address;
  const auto read = read_configuration_file(access.config);
  if (!read.ok()) throw std::runtime_error{to_string(read.problems.front())};
  return read.value.console.address;
}

// Prints why and returns nothing if there is no good answer.
std::optional<std::string> ask(const console_access& access, const std::string& method,
                               const std::string& target) {
  const auto answer = http_request(method, console_address(access), target, patience);
  if (!answer) {
    std::cerr << "holdfast: the cluster's console cannot be reached: " << answer.error().what
              << "\n  is a cluster running? --console ADDRESS names another console\n";
    return std::nullopt;
  }
  if (answer->status / 100 == 2) return answer->body;
  std::string why = answer->body;
  boost::system::error_code not_json;
  const auto json = boost::json::parse(answer->body, not_json);
  if (!not_json && json.is_object() && json.as_object().contains("error"))
    why = boost::json::value_to<std::string>(json.at("error"));
  std::cerr << "holdfast: the console answered " << answer->status << ": " << why << '\n';
  return std::nullopt;
}

std::string cell(const boost::json::value& value) {
  if (value.is_string()) return boost::json::value_to<std::string>(value);
  if (value.is_bool()) return value.as_bool() ? "yes" : "no";
  if (value.is_null()) return "-";
  if (!value.is_array()) return boost::json::serialize(value);
  std::string out;
  for (const auto& item : value.as_array()) out += (out.empty() ? "" : ",") + cell(item);
  return out.empty() ? "-" : out;
}

// The columns are the keys of the first object: what the console adds, the table shows.
void print_table(const boost::json::array& rows) {
  if (rows.empty()) {
    std::cout << "none\n";
    return;
  }
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& field : rows.front().as_object()) lines[0].emplace_back(field.key());
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (const auto& key : lines[0]) {
      const auto* value = row.as_object().if_contains(key);
      line.push_back(value == nullptr ? "-" : cell(*value));
    }
  }
  std::vector<std::size_t> widths(lines[0].size(), 0);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  for (auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      line[i].resize(i + 1 < line.size() ? widths[i] : line[i].size(), ' ');
      text += (i > 0 ? "  " : "") + line[i];
    }
    std::cout << text << '\n';
  }
}

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

void add_list_command(CLI::App& app, int& exit_code, const std::string& name,
                      const std::string& what) {
  auto* command = app.add_subcommand(name, what);
  auto access = add_access_options(*command);
  add_format_option(*command, *access);
  command->callback([access, &exit_code, name] { exit_code = list(*access, "/api/v1/" + name); });
}

} // namespace

void add_members_command(CLI::App& app, int& exit_code) {
  add_list_command(app, exit_code, "members", "The nodes of the cluster and their load");
}

void add_shards_command(CLI::App& app, int& exit_code) {
  add_list_command(app, exit_code, "shards", "Who owns which shard, and who holds its copies");
}

void add_kill_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("kill", "SIGKILL a node that the launcher supervises");
  auto access = add_access_options(*command);
  auto node = std::make_shared<std::string>();
  command->add_option("NODE", *node, "As in `holdfast members`")->required();
  command->callback([access, node, &exit_code] {
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
             || c == '_' || c == '.';
    };
    if (node->empty() || !std::all_of(node->begin(), node->end(), fits))
      throw CLI::ValidationError("NODE", "'" + *node + "' is no name of a node");
    exit_code = ask(*access, "POST", "/api/v1/kill/" + *node) ? 0 : 1;
    if (exit_code == 0) std::cout << "killed " << *node << '\n';
  });
}

} // namespace holdfast::runtime
