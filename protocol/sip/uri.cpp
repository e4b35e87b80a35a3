#include "protocol/sip/uri.hpp"

#include "protocol/sip/scanner.hpp"
#include "protocol/sip/text.hpp"
#include "protocol/sip/uri_view.hpp"

#include <algorithm>
#include <vector>

namespace holdfast::sip {

namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

bool is_scheme_char(char c) {
  return text::is_alnum(c) || c == '+' || c == '-' || c == '.';
}

bool may_stand_in_user(char c) {
  return text::is_alnum(c)
         || std::string_view{"-_.!~*'()&=+$,;?/"}.find(c) != std::string_view::npos;
}

void append_escaped(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += hex_digits[byte >> 4];
  out += hex_digits[byte & 15];
}

// RFC 3261 19.1.4: a character outside the reserved set equals its escape; one inside does not.
std::string normalized(std::string_view in) {
  constexpr std::string_view reserved = ";/?:@&=+$,%";
  std::string out;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i] != '%' || i + 2 >= in.size()) {
      out += in[i];
      continue;
    }
    const char c = static_cast<char>(text::hex_value(in[i + 1]) * 16 + text::hex_value(in[i + 2]));
    i += 2;
    if (reserved.find(c) == std::string_view::npos)
      out += c;
    else
      append_escaped(out, c);
  }
  return out;
}

std::vector<std::string> sorted_headers(std::string_view headers) {
  std::vector<std::string> out;
  while (!headers.empty()) {
    const auto end = std::min(headers.find('&'), headers.size());
    const auto item = headers.substr(0, end);
    const auto equals = std::min(item.find('='), item.size());
    out.push_back(text::to_lower(normalized(item.substr(0, equals)))
                  + normalized(item.substr(equals)));
    headers.remove_prefix(std::min(end + 1, headers.size()));
  }
  std::sort(out.begin(), out.end());
  return out;
}

// RFC 3261 19.1.4: these never match their absence, not even with the default value.
bool never_ignored(std::string_view name) {
  return text::same(name, "user") || text::same(name, "ttl") || text::same(name, "method")
         || text::same(name, "maddr");
}

const param* find_normalized(const param_list& params, std::string_view name) {
  const auto it = std::find_if(params.begin(), params.end(), [&](const param& p) {
    return text::same(normalized(p.name), name);
  });
  return it == params.end() ? nullptr : &*it;
}

// RFC 3261 19.1.1: a name stands once; where it does not, the first counts.
bool params_match_one_way(const param_list& a, const param_list& b) {
  return std::all_of(a.begin(), a.end(), [&](const param& p) {
    const auto name = normalized(p.name);
    if (find_normalized(a, name) != &p) return true;
    const auto* other = find_normalized(b, name);
    if (other == nullptr) return !never_ignored(name);
    return p.value.has_value() == other->value.has_value()
           && text::same(normalized(p.value.value_or("")), normalized(other->value.value_or("")));
  });
}

std::string telephone_number(std::string_view opaque) {
  std::string out;
  const auto end = std::min(opaque.find(';'), opaque.size());
  for (const char c : opaque.substr(0, end))
    if (std::string_view{"-.()"}.find(c) == std::string_view::npos) out += text::lower(c);
  return out + text::to_lower(opaque.substr(end));
}

constexpr std::string_view bad_escape = "URI with a '%' that is no escape";
constexpr std::string_view odd_character = "URI with a character that must be escaped";

// userinfo, without its '@'.
std::string_view read_user(std::string_view in, uri_view& out) {
  text::scanner s{in};
  if (!s.skip_escaped(text::user_char)) return bad_escape;
  out.user = s.since(in.data());
  if (out.user.empty()) return "URI with an empty user before '@'";
  out.has_password = s.take(':');
  const auto* password = s.position();
  while (out.has_password && !s.done()) {
    if (!s.skip_escaped(text::user_char)) return bad_escape;
    if (!s.take(':')) break;
  }
  out.password = s.since(password);
  return s.done() ? std::string_view{} : odd_character;
}

// ";name=value;name" up to '?' or the end.
std::string_view read_params(text::scanner& s, uri_view& out) {
  constexpr std::string_view malformed = "URI with malformed parameters";
  const auto* begin = s.position();
  for (std::size_t n = 0; s.take(';'); ++n) {
    const auto* name = s.position();
    if (!s.skip_escaped(text::uri_param_name_char)) return bad_escape;
    if (s.position() == name || n == params_max) return malformed;
    if (!s.take('=')) continue;
    const auto* value = s.position();
    if (!s.skip_escaped(text::uri_param_value_char)) return bad_escape;
    if (s.position() == value) return malformed;
    while (s.take('='))
      if (!s.skip_escaped(text::uri_param_value_char)) return bad_escape;
  }
  out.params = params_view{s.since(begin)};
  return {};
}

std::string_view read_headers(text::scanner& s, uri_view& out) {
  out.headers = s.rest();
  if (out.headers.empty()) return "URI with '?' and no headers";
  return s.skip_escaped(text::uri_header_char) ? std::string_view{} : bad_escape;
}

std::string_view read_sip_uri(std::string_view in, uri_view& out) {
  text::scanner s{in};
  if (std::string_view user; s.take_until('@', user))
    if (const auto bad = read_user(user, out); !bad.empty()) return bad;
  if (!s.take_host(out.host) || (s.take(':') && !s.take_port(out.port)))
    return "URI with a malformed host or port";
  if (s.sees(';'))
    if (const auto bad = read_params(s, out); !bad.empty()) return bad;
  if (s.take('?'))
    if (const auto bad = read_headers(s, out); !bad.empty()) return bad;
  if (s.done()) return {};
  return s.sees('@') ? "URI with more than one '@'" : odd_character;
}

// The user as it is compared: unescaped where it may be, escaped where it must be; and '@'.
void append_user(std::string& out, std::string_view user) {
  for (std::size_t i = 0; i < user.size(); ++i) {
    char c = user[i];
    if (c == '%' && i + 2 < user.size()) {
      c = static_cast<char>(text::hex_value(user[i + 1]) * 16 + text::hex_value(user[i + 2]));
      i += 2;
    }
    if (may_stand_in_user(c))
      out += c;
    else
      append_escaped(out, c);
  }
  if (!user.empty()) out += '@';
}

} // namespace

bool uri::has_param(std::string_view name) const {
  return find_param(params, name) != nullptr;
}
std::string_view uri::param(std::string_view name) const {
  return param_value(params, name);
}

std::string_view read_uri(std::string_view in, uri_view& out) {
  std::size_t colon = in.starts_with("sip:") ? 3 : 0; // as a rule
  out.sip_or_sips = colon != 0;
  if (colon == 0) {
    while (colon < in.size() && is_scheme_char(in[colon])) ++colon;
    if (colon == 0 || colon == in.size() || in[colon] != ':' || !text::is_alpha(in.front()))
      return "URI without a scheme";
    out.secure = text::same(in.substr(0, colon), "sips");
    out.sip_or_sips = out.secure || text::same(in.substr(0, colon), "sip");
  }
  out.scheme = in.substr(0, colon);
  const auto rest = in.substr(colon + 1);
  if (rest.empty()) return "URI with nothing behind its scheme";
  if (out.sip_or_sips) return read_sip_uri(rest, out);
  if (!text::all(rest, text::uri_char)) return odd_character;
  out.opaque = rest;
  return {};
}

decoded<uri_view> view_uri(std::string_view in) {
  decoded<uri_view> out;
  if (const auto bad = read_uri(in, *out); !bad.empty()) out = wrong(bad);
  return out;
}

uri copy_of(const uri_view& view) {
  uri out;
  out.scheme = text::to_lower(view.scheme);
  out.user = view.user;
  if (view.has_password) out.password = std::string{view.password};
  out.host = view.host;
  out.port = view.port;
  out.params = copy_of(view.params);
  out.headers = view.headers;
  out.opaque = view.opaque;
  return out;
}

result<uri> parse_uri(std::string_view in) {
  return copied(view_uri(in), [](const uri_view& v) { return copy_of(v); });
}

std::string to_string(const uri& u) {
  if (!u.is_sip()) return u.scheme + ":" + u.opaque;
  std::string out = u.scheme + ":";
  if (!u.user.empty()) {
    out += u.user;
    if (u.password) out += ":" + *u.password;
    out += '@';
  }
  out += text::host_port_text(u.host, u.port) + to_string(u.params);
  if (!u.headers.empty()) out += "?" + u.headers;
  return out;
}

bool equivalent(const uri& a, const uri& b) {
  if (a.scheme != b.scheme) return false;
  if (a.scheme == "tel") return telephone_number(a.opaque) == telephone_number(b.opaque);
  if (!a.is_sip()) return a.opaque == b.opaque;
  return normalized(a.user) == normalized(b.user)
         && a.password.has_value() == b.password.has_value()
         && normalized(a.password.value_or("")) == normalized(b.password.value_or(""))
         && text::same(a.host, b.host) && a.port == b.port
         && params_match_one_way(a.params, b.params) && params_match_one_way(b.params, a.params)
         && sorted_headers(a.headers) == sorted_headers(b.headers);
}

void append_canonical_aor(std::string& out, const uri_view& u) {
  if (!u.sip_or_sips) {
    const bool telephone = text::same(u.scheme, "tel");
    for (const char c : u.scheme) out += text::lower(c);
    out.append(":").append(telephone ? telephone_number(u.opaque) : std::string{u.opaque});
    return;
  }
  out += "sip:";
  append_user(out, u.user);
  const bool ipv6 = u.host.find(':') != std::string_view::npos;
  if (ipv6) out += '[';
  for (const char c : u.host) out += text::lower(c);
  if (ipv6) out += ']';
}

std::string canonical_aor(const uri& u) {
  uri_view view;
  view.scheme = u.scheme;
  view.user = u.user;
  view.host = u.host;
  view.opaque = u.opaque;
  view.sip_or_sips = u.is_sip();
  view.secure = u.secure();
  std::string out;
  append_canonical_aor(out, view);
  return out;
}

std::optional<std::string> unescape(std::string_view in) {
  std::string out;
  out.reserve(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i] != '%') {
      out += in[i];
      continue;
    }
    if (i + 2 >= in.size()) return std::nullopt;
    const int high = text::hex_value(in[i + 1]);
    const int low = text::hex_value(in[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string escape_user(std::string_view in) {
  std::string out;
  for (const char c : in) {
    if (may_stand_in_user(c))
      out += c;
    else
      append_escaped(out, c);
  }
  return out;
}

} // namespace holdfast::sip
