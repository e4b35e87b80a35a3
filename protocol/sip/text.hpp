// The character classes and comparisons of SIP's grammar (RFC 3261 25.1), for the parsers here.
#pragma once

#include <array>
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
// SP and HT; CR and LF too, which inside a header field can only be a fold (RFC 3261 7.3.1: equal
// to one SP): the parser has refused every other.
constexpr bool is_blank(char c) {
  constexpr std::uint64_t blanks = 1ULL << ' ' | 1ULL << '\t' | 1ULL << '\r' | 1ULL << '\n';
  const auto byte = static_cast<unsigned char>(c);
  return byte <= ' ' && (blanks >> byte & 1) != 0;
}

// One look-up instead of a dozen comparisons: most bytes of a message pass through here.
enum char_class : std::uint16_t {
  token_char = 1,       // token
  param_name_char = 2,  // token, and param-unreserved of URIs
  param_value_char = 4, // anything but blanks, control characters, quotes, <> , ; =
  host_name_char = 8,   // of a name or an IPv4 address; '_' is common enough to be let through
  display_char = 16,    // token, blanks; UTF-8 outside quotes is common enough to be let through
  word_char = 32,       // word (Call-ID)
  uri_char = 64,        // anything but blanks, control characters, quotes and <>
  // What needs no second look inside of a URI, where '%' begins an escape.
  user_char = 128,            // uri_char but @ % :
  uri_param_name_char = 256,  // param_name_char but %
  uri_param_value_char = 512, // param_value_char but @ % ?
  uri_header_char = 1024,     // uri_char but @ %
};

constexpr std::array<std::uint16_t, 256> make_char_classes() {
  std::array<std::uint16_t, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const char c = static_cast<char>(static_cast<unsigned char>(i));
    const auto in = [c](std::string_view set) { return set.find(c) != std::string_view::npos; };
    const bool token = is_alnum(c) || in("-.!%*_+`'~");
    const bool graphic = i > ' ' && i != 0x7f;
    const bool param_name = token || in("[]/:&+$()");
    const bool param_value = graphic && !in("\"<>,;=");
    const bool uri = graphic && !in("<>\"");
    out[i] = static_cast<std::uint16_t>(
        (token ? token_char : 0) | (param_name ? param_name_char : 0)
        | (param_value ? param_value_char : 0) | (is_alnum(c) || in("-._") ? host_name_char : 0)
        | (token || is_blank(c) || i >= 0x80 ? display_char : 0)
        | (token || in("()<>:\\/\"[]?{}") ? word_char : 0) | (uri ? uri_char : 0)
        | (uri && !in("@%:") ? user_char : 0) | (param_name && c != '%' ? uri_param_name_char : 0)
        | (param_value && !in("@%?") ? uri_param_value_char : 0)
        | (uri && !in("@%") ? uri_header_char : 0));
  }
  return out;
}
inline constexpr std::array<std::uint16_t, 256> char_classes = make_char_classes();

constexpr bool is(char c, char_class k) {
  return (char_classes[static_cast<unsigned char>(c)] & k) != 0;
}
constexpr bool is_token_char(char c) {
  return is(c, token_char);
}
constexpr bool all(std::string_view s, char_class k) {
  for (const char c : s)
    if (!is(c, k)) return false;
  return true;
}
// -1: no hexadecimal digit.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

[[nodiscard]] std::string to_lower(std::string_view s);
[[nodiscard]] std::string to_upper(std::string_view s);
// Of the same size, without regard to ASCII case.
[[nodiscard]] bool same_letters(const char* a, const char* b, std::size_t size);
// Most that differ differ in length, or in the first letter.
[[nodiscard]] inline bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  return a.empty() || (((a[0] ^ b[0]) & 0x5f) == 0 && same_letters(a.data(), b.data(), a.size()));
}
constexpr std::string_view trim(std::string_view s) {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}
// Every fold becomes one SP.
[[nodiscard]] std::string unfolded(std::string_view s);
[[nodiscard]] bool is_token(std::string_view s);

// Digits only, up to `max`; leading zeros are fine.
[[nodiscard]] std::optional<std::uint64_t> to_number(std::string_view s, std::uint64_t max);
// Digits only; what is too large becomes the largest 32-bit value.
[[nodiscard]] std::optional<std::uint32_t> to_number_saturated(std::string_view s);

// s[at] is '"': the index behind the closing quote; npos when there is none.
[[nodiscard]] std::size_t after_quoted(std::string_view s, std::size_t at);

// First `c` at or behind `from` that is not inside quotes; npos when there is none.
[[nodiscard]] std::size_t find_unquoted(std::string_view s, char c, std::size_t from = 0);

// "example.com", "192.0.2.1:5060", "[2001:db8::1]:5060".
[[nodiscard]] std::string host_port_text(std::string_view host, std::uint16_t port);

} // namespace holdfast::sip::text
