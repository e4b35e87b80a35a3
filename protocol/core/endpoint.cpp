#include "protocol/core/endpoint.hpp"

#include <charconv>

namespace holdfast {

std::string to_string(const endpoint& e) {
  const bool bracketed = e.host.find(':') != std::string::npos;
  std::string text = bracketed ? "[" + e.host + "]" : e.host;
  if (e.port != 0) text += ":" + std::to_string(e.port);
  return text;
}

result<endpoint> parse_endpoint(std::string_view text) {
  endpoint parsed;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return fail("address has '[' without ']'");
    parsed.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return fail("address has text after ']'");
  } else {
    const auto colon = text.rfind(':');
    parsed.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
    if (parsed.host.find(':') != std::string::npos)
      return fail("an IPv6 address needs brackets, as in [::1]:5060");
  }
  if (parsed.host.empty()) return fail("address without a host");
  if (port.empty()) return parsed;
  port.remove_prefix(1);
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
  if (code != std::errc{} || end != port.data() + port.size())
    return fail("port is not a number from 0 to 65535");
  return parsed;
}

} // namespace holdfast
