#include "protocol/sip/sketch.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::sip {

namespace {

bool starts_with(std::string_view line, std::string_view lower_name) {
  if (line.size() <= lower_name.size()) return false;
  for (std::size_t i = 0; i < lower_name.size(); ++i)
    if (text::lower(line[i]) != lower_name[i]) return false;
  const char next = line[lower_name.size()];
  return next == ':' || text::is_blank(next);
}

std::string_view value_of(std::string_view line) {
  return text::trim(line.substr(line.find(':') + 1));
}

std::uint32_t leading_number(std::string_view s) {
  std::uint32_t n = 0;
  for (const char c : s.substr(0, 10)) {
    if (!text::is_digit(c)) break;
    n = n * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return n;
}

} // namespace

std::optional<sketch> sketch_of(std::string_view bytes) {
  sketch found;
  const auto first = bytes.substr(0, bytes.find('\r'));
  if (first.starts_with("SIP/2.0 ")) {
    found.status = static_cast<std::uint16_t>(std::min(leading_number(first.substr(8)), 999U));
  } else {
    found.method = first.substr(0, first.find(' '));
    if (!text::is_token(found.method) || !first.ends_with("SIP/2.0")) return std::nullopt;
  }
  bool have_cseq = false;
  for (auto at = bytes.find('\n'); at != std::string_view::npos;) {
    const auto begin = at + 1;
    at = bytes.find('\n', begin);
    auto line = bytes.substr(begin, at == std::string_view::npos ? at : at - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break; // the body
    const char initial = text::lower(line.front());
    if (initial == 'c' && starts_with(line, "call-id")) found.call_id = value_of(line);
    if (initial == 'i' && starts_with(line, "i")) found.call_id = value_of(line);
    if (initial == 'c' && starts_with(line, "cseq")) {
      const auto value = value_of(line);
      found.cseq = leading_number(value);
      const auto blank = value.find_last_of(" \t");
      if (found.status != 0 && blank != std::string_view::npos)
        found.method = value.substr(blank + 1);
      have_cseq = true;
    }
    if (have_cseq && !found.call_id.empty()) return found;
  }
  if (found.call_id.empty()) return std::nullopt;
  return found;
}

} // namespace holdfast::sip
