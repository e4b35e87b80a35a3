#include "runtime/console/query.hpp"

#include "protocol/sip/uri.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast::runtime {

namespace {

std::optional<std::string> unescaped(std::string_view text, bool plus_is_blank) {
  std::string s{text};
  if (plus_is_blank) std::replace(s.begin(), s.end(), '+', ' ');
  auto out = sip::unescape(s); // the escapes of URIs are the same everywhere
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; };
  if (out && std::any_of(out->begin(), out->end(), control)) return std::nullopt;
  return out;
}

} // namespace

std::string console_query::value(const std::string& name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::string{} : found->second;
}

std::uint32_t console_query::number(const std::string& name, std::uint32_t otherwise,
                                    std::uint32_t max) const {
  const auto text = value(name);
  std::uint32_t n = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, n);
  const bool fits = !text.empty() && read.ec == std::errc{} && read.ptr == end;
  return std::min(fits ? n : otherwise, max);
}

std::optional<console_query> parse_target(std::string_view target) {
  console_query out;
  const auto question = target.find('?');
  auto path = target.substr(0, question);
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto part = unescaped(path.substr(0, slash), false);
    if (!part || part->empty() || *part == "." || *part == ".."
        || part->find_first_of("/\\") != std::string::npos)
      return std::nullopt;
    out.path.push_back(*part);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  auto rest = question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const auto pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const auto equals = pair.find('=');
    const auto name = unescaped(pair.substr(0, equals), true);
    const auto value = equals == std::string_view::npos ? std::optional<std::string>{std::string{}}
                                                        : unescaped(pair.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    out.values[*name] = *value;
  }
  return out;
}

} // namespace holdfast::runtime
