// An address a datagram comes from or goes to: a numeric IP address or a host name, and a port.
#pragma once

#include "protocol/core/result.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

struct endpoint {
  std::string host;       // "192.0.2.1", "2001:db8::1" (no brackets) or a name
  std::uint16_t port = 0; // 0: not said

  friend auto operator<=>(const endpoint&, const endpoint&) = default;
};

// "127.0.0.1:5060", "[::1]:5060"; without the colon when the port is 0.
[[nodiscard]] std::string to_string(const endpoint& e);

// The reverse. Errors: empty host, port that is no number in 0..65535, unbalanced brackets.
[[nodiscard]] result<endpoint> parse_endpoint(std::string_view text);

} // namespace holdfast
