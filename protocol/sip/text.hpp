// The character classes and comparisons of SIP's grammar (RFC 3261 25.1), for the parsers here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip::text {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alpha(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}
constexpr bool is_alnum(char c) {
  return is_digit(c) || is_alpha(c);
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_token_char(char c) {
  return is_alnum(c) || std::string_view{"-.!%*_+`'~"}.find(c) != std::string_view::npos;
}

// -1: no hexadecimal digit.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

[[nodiscard]] std::string to_lower(std::string_view s);
[[nodiscard]] std::string to_upper(std::string_view s);
[[nodiscard]] bool same(std::string_view a, std::string_view b); // without regard to ASCII case
[[nodiscard]] std::string_view trim(std::string_view s);
[[nodiscard]] bool is_token(std::string_view s);

// Digits only, up to `max`; leading zeros are fine.
[[nodiscard]] std::optional<std::uint64_t> to_number(std::string_view s, std::uint64_t max);
// Digits only; what is too large becomes the largest 32-bit value.
[[nodiscard]] std::optional<std::uint32_t> to_number_saturated(std::string_view s);

// s[at] is '"': the index behind the closing quote; npos when there is none.
[[nodiscard]] std::size_t after_quoted(std::string_view s, std::size_t at);

// First `c` at or behind `from` that is not inside quotes; npos when there is none.
[[nodiscard]] std::size_t find_unquoted(std::string_view s, char c, std::size_t from = 0);

struct host_port {
  std::string host; // without brackets
  std::uint16_t port = 0;
};
// "example.com", "192.0.2.1:5060", "[2001:db8::1]:5060"; blanks around ':' are accepted (Via).
[[nodiscard]] std::optional<host_port> to_host_port(std::string_view s);
[[nodiscard]] std::string host_port_text(std::string_view host, std::uint16_t port);

} // namespace holdfast::sip::text
