#include "protocol/sip/name_addr.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::sip {

namespace {

std::string unquote(std::string_view quoted) {
  std::string out;
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] == '\\' && i + 2 < quoted.size()) ++i;
    out += quoted[i];
  }
  return out;
}

std::string quote(std::string_view display) {
  std::string out = "\"";
  for (const char c : display) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || byte < ' ' || byte == 0x7f) out += '\\';
    out += c;
  }
  return out + "\"";
}

// *(token LWS); UTF-8 outside quotes is common enough to be let through, to_string() quotes it.
bool is_unquoted_display(std::string_view display) {
  return std::all_of(display.begin(), display.end(), [](char c) {
    return text::is_token_char(c) || text::is_blank(c) || static_cast<unsigned char>(c) >= 0x80;
  });
}

struct parts {
  std::string display;
  std::string_view uri;
  std::string_view params;
};

result<parts> in_brackets(std::string_view in, std::size_t open, std::string display) {
  const auto close = in.find('>', open);
  if (close == std::string_view::npos) return fail("'<' without '>'");
  return parts{std::move(display), in.substr(open + 1, close - open - 1), in.substr(close + 1)};
}

result<parts> take_apart(std::string_view in) {
  if (!in.empty() && in.front() == '"') {
    const auto end = text::after_quoted(in, 0);
    if (end == std::string_view::npos) return fail("display name without closing quote");
    const auto open = in.find('<', end);
    if (open == std::string_view::npos || !text::trim(in.substr(end, open - end)).empty())
      return fail("display name without a URI in <>");
    return in_brackets(in, open, unquote(in.substr(0, end)));
  }
  if (const auto open = in.find('<'); open != std::string_view::npos && open < in.find(';')) {
    const auto display = text::trim(in.substr(0, open));
    if (!is_unquoted_display(display)) return fail("display name that needs quotes");
    return in_brackets(in, open, std::string{display});
  }
  // RFC 3261 20: outside <>, what follows the first ';' are header parameters.
  const auto semicolon = std::min(in.find(';'), in.size());
  const auto uri = text::trim(in.substr(0, semicolon));
  if (uri.find_first_of("?,") != std::string_view::npos) return fail("URI that must stand in <>");
  return parts{"", uri, in.substr(semicolon)};
}

} // namespace

std::string name_addr::tag() const {
  return std::string{param_value(params, "tag")};
}

std::optional<std::uint32_t> name_addr::expires() const {
  return text::to_number_saturated(param_value(params, "expires"));
}

int name_addr::q() const {
  // qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
  const auto value = param_value(params, "q");
  if (value.empty()) return 1000;
  const auto dot = std::min(value.find('.'), value.size());
  const auto whole = text::to_number(value.substr(0, dot), 1);
  if (!whole && dot != 0) return 1000;
  int thousandths = static_cast<int>(whole.value_or(0)) * 1000;
  int weight = 100;
  for (auto i = dot + 1; i < value.size() && weight > 0; ++i, weight /= 10) {
    if (!text::is_digit(value[i])) return 1000;
    thousandths += (value[i] - '0') * weight;
  }
  return std::min(thousandths, 1000);
}

result<name_addr> parse_name_addr(std::string_view in) {
  in = text::trim(in);
  name_addr out;
  if (in == "*") {
    out.wildcard = true;
    return out;
  }
  auto found = take_apart(in);
  if (!found) return tl::make_unexpected(found.error());
  auto uri = parse_uri(found->uri);
  if (!uri) return tl::make_unexpected(uri.error());
  auto params = parse_params(found->params);
  if (!params) return fail("malformed parameters behind a URI");
  out.display = std::move(found->display);
  out.uri = std::move(*uri);
  out.params = std::move(*params);
  return out;
}

std::string to_string(const name_addr& a) {
  if (a.wildcard) return "*";
  std::string out;
  if (!a.display.empty()) out = quote(a.display) + " ";
  return out + "<" + to_string(a.uri) + ">" + to_string(a.params);
}

} // namespace holdfast::sip
