// The front end, embedded at build time (embed in this folder); empty where npm was not there.
#pragma once

#include <string_view>

namespace holdfast::runtime {

struct asset {
  std::string_view path; // "/app.js"
  std::string_view type; // of its content
  std::string_view etag; // with quotes
  std::string_view plain;
  std::string_view gzip;
};

// nullptr: there is no such file.
[[nodiscard]] const asset* find_asset(std::string_view path);
[[nodiscard]] bool front_end_built();

} // namespace holdfast::runtime
