// What every command that asks the console of a running cluster has in common: where it is, the
// token, and answers as a table or as JSON.
#pragma once

#include "protocol/core/endpoint.hpp"

#include <CLI/App.hpp>
#include <boost/json.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::runtime {

struct console_access {
  std::string config;
  std::string console;
  std::string token_file;
  std::string format = "table";
  bool watch = false;
  double every_s = 1;
};

std::shared_ptr<console_access> add_access_options(CLI::App& command);
void add_format_option(CLI::App& command, console_access& access);
void add_watch_option(CLI::App& command, console_access& access);

[[nodiscard]] endpoint console_address(const console_access& access);

// Prints why and returns nothing if there is no good answer. A POST brings the token along.
[[nodiscard]] std::optional<std::string> ask(const console_access& access,
                                             const std::string& method, const std::string& target);
// The same, parsed.
[[nodiscard]] std::optional<boost::json::value> ask_json(const console_access& access,
                                                         const std::string& target);

[[nodiscard]] std::string cell(const boost::json::value& value);
[[nodiscard]] std::string escaped_for_url(std::string_view text);
// What came from the network goes to a terminal without its control characters.
[[nodiscard]] std::string printable(std::string_view text);

struct column {
  std::string key;
  std::string title;
  std::function<std::string(const boost::json::object& row)> text = {}; // empty: cell of the key
};
// As wide as it needs; in a terminal the widest columns give way until it fits. No columns: the
// keys of the first row.
void print_table(const boost::json::array& rows, const std::vector<column>& columns = {});

// Runs `show` once, or again and again on a cleared screen; its exit code.
int once_or_watch(const console_access& access, const std::function<int()>& show);

} // namespace holdfast::runtime
