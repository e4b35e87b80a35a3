// The target of a request, taken apart: "/api/v1/calls?search=a%20b&limit=5".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::runtime {

struct console_query {
  std::vector<std::string> path; // {"api", "v1", "calls"}, unescaped
  std::map<std::string, std::string> values;

  [[nodiscard]] std::string value(const std::string& name) const;
  // `otherwise` when absent or no number; never above `max`.
  [[nodiscard]] std::uint32_t number(const std::string& name, std::uint32_t otherwise,
                                     std::uint32_t max) const;
};

// nullopt: no path, an escape that is none, "." or ".." or an empty part in it, or a control
// character.
[[nodiscard]] std::optional<console_query> parse_target(std::string_view target);

} // namespace holdfast::runtime
