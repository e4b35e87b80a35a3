// calls, actors, events: what is going on inside the cluster, in the terminal.
#include "runtime/commands.hpp"
#include "runtime/console/ladder_text.hpp"
#include "runtime/console_access.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>
#include <string>

namespace holdfast::runtime {
namespace {

namespace json = boost::json;

std::int64_t number(const json::object& row, const char* key) {
  const auto* value = row.if_contains(key);
  json::error_code wrong;
  return value == nullptr ? 0 : value->to_number<std::int64_t>(wrong);
}

// "1.2 s", "340 us": three digits are enough for people.
std::string short_time(std::int64_t us) {
  char text[32];
  if (us < 1'000)
    std::snprintf(text, sizeof text, "%lld us", static_cast<long long>(us));
  else if (us < 1'000'000)
    std::snprintf(text, sizeof text, "%.1f ms", static_cast<double>(us) / 1e3);
  else if (us < 600'000'000)
    std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(us) / 1e6);
  else
    std::snprintf(text, sizeof text, "%.0f min", static_cast<double>(us) / 6e7);
  return text;
}

std::string time_of_day(std::int64_t ms) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm local{};
  localtime_r(&seconds, &local);
  char text[32];
  const auto end = std::strftime(text, sizeof text, "%H:%M:%S", &local);
  std::snprintf(text + end, sizeof text - end, ".%03d", static_cast<int>(ms % 1000));
  return text;
}

column duration_column(std::string key, std::string title) {
  return {key, title,
          [key](const json::object& row) { return short_time(number(row, key.c_str())); }};
}

// Rows of a list as they are, or as a table.
int show_rows(const console_access& access, const std::string& target,
              const std::vector<column>& columns) {
  const auto answer = ask_json(access, target);
  if (!answer) return 1;
  const auto* rows = answer->is_object() ? answer->as_object().if_contains("rows") : &*answer;
  if (rows == nullptr || !rows->is_array()) {
    std::cerr << "holdfast: the console answered something that is no list\n";
    return 1;
  }
  if (access.format == "json") {
    std::cout << json::serialize(*rows) << '\n';
    return 0;
  }
  print_table(rows->as_array(), columns);
  const auto total = answer->is_object() ? number(answer->as_object(), "total") : 0;
  if (total > static_cast<std::int64_t>(rows->as_array().size()))
    std::cout << "... and " << total - static_cast<std::int64_t>(rows->as_array().size())
              << " more; --search, --node and --limit choose\n";
  return 0;
}

std::string call_state(const json::object& row) {
  if (row.at("quarantined").as_bool()) return "quarantined";
  if (row.at("ending").as_bool()) return "ending";
  return row.at("stable").as_bool() ? "stable" : "setting up";
}

std::string first_call_id(const json::object& row) {
  const auto& ids = row.at("call_ids").as_array();
  return ids.empty() ? "-" : cell(ids.front());
}

const std::vector<column>& call_columns() {
  static const std::vector<column> columns{{"id", "call"},
                                           {"node", "container"},
                                           {"application", "application"},
                                           {"stable", "state", call_state},
                                           {"messages", "msgs"},
                                           {"restarts", "restarts"},
                                           {"caller", "caller"},
                                           {"callee", "callee"},
                                           {"call_ids", "call-id", first_call_id}};
  return columns;
}

struct call_choice {
  std::string search;
  std::string node;
  std::string order = "newest";
  unsigned limit = 50;
  std::string show;
};

int show_calls(const console_access& access, const call_choice& choice) {
  return show_rows(access,
                   "/api/v1/calls?search=" + escaped_for_url(choice.search)
                       + "&node=" + escaped_for_url(choice.node) + "&order=" + choice.order
                       + "&limit=" + std::to_string(choice.limit),
                   call_columns());
}

// By the name of its session as in the list, or by its Call-ID.
int show_call(const console_access& access, const std::string& which) {
  const bool is_name = which.find('@') == std::string::npos && which.size() > 17
                       && which[which.size() - 17] == '-'
                       && which.find_first_not_of("0123456789abcdef-") == std::string::npos;
  const auto answer =
      ask_json(access, is_name ? "/api/v1/calls/" + which
                               : "/api/v1/ladder?call_id=" + escaped_for_url(which));
  if (!answer) return 1;
  if (access.format == "json")
    std::cout << json::serialize(*answer) << '\n';
  else
    std::cout << ladder_text(answer->as_object());
  return 0;
}

int show_actors(const console_access& access, const std::string& node, const std::string& kind,
                const std::string& sort, unsigned limit) {
  return show_rows(access,
                   "/api/v1/actors?node=" + escaped_for_url(node) + "&kind=" + escaped_for_url(kind)
                       + "&sort=" + sort + "&limit=" + std::to_string(limit),
                   {{"node", "node"},
                    {"id", "id"},
                    {"kind", "kind"},
                    {"label", "which"},
                    {"depth", "waiting"},
                    duration_column("age_us", "age"),
                    {"messages", "messages"},
                    duration_column("busy_us", "busy"),
                    duration_column("waited_max_us", "waited max"),
                    duration_column("processed_max_us", "took max"),
                    {"sessions", "sessions"},
                    {"state", "state"}});
}

} // namespace

void add_calls_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("calls", "The calls in the cluster; `calls show` one of them");
  auto access = add_access_options(*command);
  add_format_option(*command, *access);
  add_watch_option(*command, *access);
  auto choice = std::make_shared<call_choice>();
  command->add_option("--search", choice->search, "In Call-ID, caller or callee");
  command->add_option("--node", choice->node, "Of this container only");
  command->add_option("--order", choice->order, "newest, oldest, waiting or messages")
      ->check(CLI::IsMember({"newest", "oldest", "waiting", "messages"}));
  command->add_option("--limit", choice->limit, "At most so many")->check(CLI::Range(1, 1000));
  auto* show = command->add_subcommand("show", "One call: its ladder and what its actor did");
  auto show_access = add_access_options(*show);
  add_format_option(*show, *show_access);
  add_watch_option(*show, *show_access);
  show->add_option("CALL", choice->show, "Its Call-ID, or its name in `holdfast calls`")
      ->required();
  command->require_subcommand(0, 1);
  command->callback([=, &exit_code] {
    if (show->parsed())
      exit_code =
          once_or_watch(*show_access, [&] { return show_call(*show_access, choice->show); });
    else
      exit_code = once_or_watch(*access, [&] { return show_calls(*access, *choice); });
  });
}

void add_actors_command(CLI::App& app, int& exit_code) {
  auto* command =
      app.add_subcommand("actors", "The actors of all nodes; `actors top`: the busiest");
  auto access = add_access_options(*command);
  add_format_option(*command, *access);
  add_watch_option(*command, *access);
  auto node = std::make_shared<std::string>();
  auto kind = std::make_shared<std::string>();
  auto sort = std::make_shared<std::string>();
  auto limit = std::make_shared<unsigned>(1000);
  command->add_option("--node", *node, "Of this node only");
  command->add_option("--kind", *kind, "Of this kind only: shard, link, proxy, ...");
  command->add_option("--sort", *sort, "By this field of -o json, largest first");
  command->add_option("--limit", *limit, "At most so many")->check(CLI::Range(1, 1000));
  auto* top = command->add_subcommand("top", "The twenty with the oldest mailbox or the most work");
  auto top_access = add_access_options(*top);
  add_format_option(*top, *top_access);
  add_watch_option(*top, *top_access);
  command->require_subcommand(0, 1);
  command->callback([=, &exit_code] {
    if (top->parsed())
      exit_code = once_or_watch(
          *top_access, [&] { return show_actors(*top_access, *node, *kind, "busy_us", 20); });
    else
      exit_code =
          once_or_watch(*access, [&] { return show_actors(*access, *node, *kind, *sort, *limit); });
  });
}

void add_events_command(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("events", "What happened in the cluster, latest last");
  auto access = add_access_options(*command);
  add_format_option(*command, *access);
  add_watch_option(*command, *access);
  command->callback([access, &exit_code] {
    exit_code = once_or_watch(*access, [&] {
      return show_rows(*access, "/api/v1/events",
                       {{"at_ms", "time",
                         [](const json::object& row) { return time_of_day(number(row, "at_ms")); }},
                        {"alarm", "",
                         [](const json::object& row) {
                           return std::string{row.at("alarm").as_bool() ? "!" : ""};
                         }},
                        {"what", "what"}});
    });
  });
}

} // namespace holdfast::runtime
