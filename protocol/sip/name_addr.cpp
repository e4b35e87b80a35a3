#include "protocol/sip/name_addr.hpp"

#include "protocol/sip/name_addr_view.hpp"
#include "protocol/sip/scanner.hpp"
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

struct parts {
  std::string_view display;
  std::string_view uri;
  std::string_view params;
};

// At the '<'. "" or what is wrong, here and below.
[[gnu::always_inline]] inline std::string_view take_brackets(text::scanner& s, parts& out) {
  s.take('<');
  if (!s.take_until('>', out.uri)) return "'<' without '>'";
  out.params = s.rest();
  return {};
}

std::string_view take_apart(std::string_view in, parts& out) {
  text::scanner s{in};
  if (s.sees('"')) {
    if (!s.skip_quoted()) return "display name without closing quote";
    out.display = s.since(in.data());
    s.skip_blanks();
    return s.sees('<') ? take_brackets(s, out) : "display name without a URI in <>";
  }
  s.skip(text::display_char);
  if (s.sees('<')) {
    if (s.position() != in.data()) out.display = text::trim(s.since(in.data()));
    return take_brackets(s, out);
  }
  const auto mark = std::min(in.find_first_of("<;"), in.size());
  if (mark < in.size() && in[mark] == '<') return "display name that needs quotes";
  // RFC 3261 20: outside <>, what follows the first ';' are header parameters.
  out.uri = text::trim(in.substr(0, mark));
  out.params = in.substr(mark);
  if (out.uri.find_first_of("?,") != std::string_view::npos) return "URI that must stand in <>";
  return {};
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

decoded<name_addr_view> view_name_addr(std::string_view in) {
  in = text::trim(in);
  decoded<name_addr_view> out;
  if (in == "*") {
    out->wildcard = true;
    return out;
  }
  parts found;
  auto bad = take_apart(in, found);
  if (bad.empty()) bad = read_uri(found.uri, out->uri);
  out->display = found.display;
  out->params = params_view{found.params};
  if (bad.empty()) bad = out->params.check("tag", out->tag);
  if (!bad.empty()) out = wrong(bad);
  return out;
}

std::string_view tag_of(std::string_view in) {
  parts found;
  if (!take_apart(text::trim(in), found).empty() || found.params.empty()) return {};
  return params_view{found.params}.value("tag");
}

name_addr copy_of(const name_addr_view& view) {
  name_addr out;
  out.wildcard = view.wildcard;
  if (view.wildcard) return out;
  const bool quoted = !view.display.empty() && view.display.front() == '"';
  const auto display = text::unfolded(view.display);
  out.display = quoted ? unquote(display) : display;
  out.uri = copy_of(view.uri);
  out.params = copy_of(view.params);
  return out;
}

result<name_addr> parse_name_addr(std::string_view in) {
  return copied(view_name_addr(in), [](const name_addr_view& v) { return copy_of(v); });
}

std::string to_string(const name_addr& a) {
  if (a.wildcard) return "*";
  std::string out;
  if (!a.display.empty()) out = quote(a.display) + " ";
  return out + "<" + to_string(a.uri) + ">" + to_string(a.params);
}

} // namespace holdfast::sip
