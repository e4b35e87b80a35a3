// One HTTP request to the console, blocking, with a time-out for the whole of it: what the command
// line and the launcher need.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "protocol/core/result.hpp"

#include <chrono>
#include <string>

namespace holdfast::runtime {

struct http_answer {
  unsigned status = 0;
  std::string body;
};

// `method` is GET or POST; a `body` is JSON, a `token` goes into Authorization. Errors: not
// reachable, timed out, not HTTP, more than 16 MiB.
[[nodiscard]] result<http_answer> http_request(const std::string& method, const endpoint& server,
                                               const std::string& target,
                                               std::chrono::milliseconds time_out,
                                               std::string body = {},
                                               const std::string& token = {});

} // namespace holdfast::runtime
