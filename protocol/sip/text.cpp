#include "protocol/sip/text.hpp"

#include "protocol/sip/scanner.hpp"

#include <algorithm>
#include <limits>

namespace holdfast::sip::text {

std::string to_lower(std::string_view s) {
  std::string out{s};
  for (auto& c : out) c = lower(c);
  return out;
}

std::string to_upper(std::string_view s) {
  std::string out{s};
  for (auto& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

bool same_letters(const char* a, const char* b, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  return true;
}

std::string unfolded(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  while (!s.empty()) {
    const auto end = std::min(s.find('\r'), s.size());
    const auto line = trim(s.substr(0, end));
    if (!out.empty() && !line.empty()) out += ' ';
    out += line;
    s.remove_prefix(std::min(end + 1, s.size()));
  }
  return out;
}

bool is_token(std::string_view s) {
  return !s.empty() && all(s, token_char);
}

std::optional<std::uint64_t> to_number(std::string_view in, std::uint64_t max) {
  scanner s{in};
  std::uint64_t n = 0;
  if (!s.take_number(n, max) || !s.done()) return std::nullopt;
  return n;
}

std::optional<std::uint32_t> to_number_saturated(std::string_view s) {
  constexpr auto max = std::numeric_limits<std::uint32_t>::max();
  if (const auto fits = to_number(s, max)) return static_cast<std::uint32_t>(*fits);
  if (s.empty() || !std::all_of(s.begin(), s.end(), is_digit)) return std::nullopt;
  return max;
}

std::size_t after_quoted(std::string_view s, std::size_t at) {
  for (auto i = at + 1; i < s.size(); ++i) {
    if (s[i] == '\\')
      ++i;
    else if (s[i] == '"')
      return i + 1;
  }
  return std::string_view::npos;
}

std::size_t find_unquoted(std::string_view s, char c, std::size_t from) {
  for (auto i = from; i < s.size();) {
    if (s[i] == c) return i;
    i = s[i] == '"' ? after_quoted(s, i) : i + 1;
    if (i == std::string_view::npos) break;
  }
  return std::string_view::npos;
}

namespace {

bool is_ipv6_char(char c) {
  return hex_value(c) >= 0 || c == ':' || c == '.';
}

} // namespace

bool scanner::take_ipv6(std::string_view& host) {
  auto inside = rest().substr(1);
  const auto close = inside.find(']');
  if (close == std::string_view::npos) return false;
  inside = inside.substr(0, close);
  if (inside.find(':') == std::string_view::npos) return false;
  if (!std::all_of(inside.begin(), inside.end(), is_ipv6_char)) return false;
  host = inside;
  at_ += close + 2;
  return true;
}

std::string host_port_text(std::string_view host, std::uint16_t port) {
  std::string out{host};
  if (host.find(':') != std::string_view::npos) out = "[" + out + "]";
  if (port != 0) out += ":" + std::to_string(port);
  return out;
}

} // namespace holdfast::sip::text
