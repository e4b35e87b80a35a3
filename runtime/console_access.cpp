#include "runtime/console_access.hpp"

#include "runtime/configuration.hpp"
#include "runtime/configuration_key.hpp"
#include "runtime/http_client.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>

namespace holdfast::runtime {

namespace {

constexpr std::chrono::milliseconds patience{5000};

// Empty when there is none to be read: the console then says that it wants one.
std::string token_of(const console_access& access) {
  std::filesystem::path file = access.token_file;
  if (file.empty()) {
    configuration c;
    if (!access.config.empty()) c = read_configuration_file(access.config).value;
    file = c.state.directory / "console.token";
  }
  const auto token = read_cluster_key(file);
  return token ? *token : std::string{};
}

// Columns of the terminal; where there is none, lines are not cut.
std::size_t terminal_width() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

} // namespace

std::shared_ptr<console_access> add_access_options(CLI::App& command) {
  auto access = std::make_shared<console_access>();
  command.add_option("--config", access->config,
                     "Configuration of the cluster, for its console's address");
  command.add_option("--console", access->console, "Address of the console, as in 127.0.0.1:8080")
      ->envname("HOLDFAST_CONSOLE");
  command
      .add_option("--token-file", access->token_file,
                  "Token for operations; console.token of the state directory if not given")
      ->envname("HOLDFAST_TOKEN_FILE");
  return access;
}

void add_format_option(CLI::App& command, console_access& access) {
  command.add_option("-o,--output", access.format, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

void add_watch_option(CLI::App& command, console_access& access) {
  command.add_flag("--watch", access.watch, "Show it again and again");
  command.add_option("--every", access.every_s, "Seconds in between")
      ->capture_default_str()
      ->check(CLI::Range(0.2, 3600.0));
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
  const auto token = method == "POST" ? token_of(access) : std::string{};
  const auto answer = http_request(method, console_address(access), target, patience, {}, token);
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
  if (value.is_string()) return printable(boost::json::value_to<std::string>(value));
  if (value.is_bool()) return value.as_bool() ? "yes" : "no";
  if (value.is_null()) return "-";
  if (!value.is_array()) return boost::json::serialize(value);
  std::string out;
  for (const auto& item : value.as_array()) out += (out.empty() ? "" : ",") + cell(item);
  return out.empty() ? "-" : out;
}

std::optional<boost::json::value> ask_json(const console_access& access,
                                           const std::string& target) {
  const auto answer = ask(access, "GET", target);
  if (!answer) return std::nullopt;
  boost::system::error_code not_json;
  auto value = boost::json::parse(*answer, not_json);
  if (not_json) {
    std::cerr << "holdfast: the console answered something that is no JSON\n";
    return std::nullopt;
  }
  return value;
}

std::string escaped_for_url(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                       || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out.append({'%', digits[byte >> 4], digits[byte & 15]});
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out{text};
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; },
      '?');
  return out;
}

namespace {

// Columns that a terminal needs for it: code points, as long as nobody writes wider ones.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string cut_to(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::string out;
  std::size_t used = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80 && ++used >= width) break;
    out += c;
  }
  return out + "\u2026";
}

// The widest give way, as long as that is of use, until a line fits.
void fit(std::vector<std::size_t>& widths, std::size_t room) {
  constexpr std::size_t least = 8;
  auto sum = 2 * (widths.size() - 1);
  for (const auto w : widths) sum += w;
  while (sum > room) {
    auto& widest = *std::max_element(widths.begin(), widths.end());
    if (widest <= least) return;
    --widest;
    --sum;
  }
}

} // namespace

void print_table(const boost::json::array& rows, const std::vector<column>& columns) {
  if (rows.empty()) {
    std::cout << "none\n";
    return;
  }
  auto wanted = columns;
  if (wanted.empty())
    for (const auto& field : rows.front().as_object())
      wanted.push_back({std::string{field.key()}, std::string{field.key()}});
  std::vector<std::vector<std::string>> lines(1);
  for (const auto& c : wanted) lines[0].push_back(c.title);
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (const auto& c : wanted) {
      const auto* value = row.as_object().if_contains(c.key);
      line.push_back(c.text ? c.text(row.as_object()) : value == nullptr ? "-" : cell(*value));
    }
  }
  std::vector<std::size_t> widths(wanted.size(), 0);
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], width_of(line[i]));
  if (const auto room = terminal_width(); room > 0) fit(widths, room);
  for (auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto shown = cut_to(line[i], widths[i]);
      text += (i > 0 ? "  " : "") + shown;
      if (i + 1 < line.size()) text.append(widths[i] - width_of(shown), ' ');
    }
    std::cout << text << '\n';
  }
}

int once_or_watch(const console_access& access, const std::function<int()>& show) {
  if (!access.watch) return show();
  for (;;) {
    if (isatty(STDOUT_FILENO) != 0) std::cout << "\033[H\033[2J";
    const int code = show();
    std::cout.flush();
    if (code != 0) return code;
    std::this_thread::sleep_for(std::chrono::duration<double>{access.every_s});
  }
}

} // namespace holdfast::runtime
