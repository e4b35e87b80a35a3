#include "protocol/sip/uri.hpp"

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

// One pass finds the separators; what is between them is looked at once more where it has a grammar
// of its own.
struct separators {
  static constexpr auto none = std::string_view::npos;
  std::size_t colon = none; // the first one of the user part
  std::size_t at = none;
  std::size_t semicolon = none; // the first ones behind '@'
  std::size_t question = none;
};

// "" or what is wrong.
std::string_view find_separators(std::string_view s, separators& found) {
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (text::is(s[i], text::uri_plain_char)) continue;
    switch (s[i]) {
    case '@':
      if (found.at != found.none) return "URI with more than one '@'";
      found.at = i;
      found.semicolon = found.question = found.none;
      break;
    case '%':
      if (i + 2 >= s.size() || text::hex_value(s[i + 1]) < 0 || text::hex_value(s[i + 2]) < 0)
        return "URI with a '%' that is no escape";
      i += 2;
      break;
    case ':':
      if (found.colon == found.none && found.at == found.none) found.colon = i;
      break;
    case ';':
      if (found.semicolon == found.none) found.semicolon = i;
      break;
    case '?':
      if (found.question == found.none) found.question = i;
      break;
    default:
      return "URI with a character that must be escaped";
    }
  }
  return {};
}

decoded<uri_view> view_sip_uri(uri_view out, std::string_view rest) {
  separators found;
  if (const auto bad = find_separators(rest, found); !bad.empty()) return wrong(bad);
  std::size_t host = 0;
  if (found.at != found.none) {
    const auto userinfo = rest.substr(0, found.at);
    out.user = userinfo.substr(0, found.colon);
    if (out.user.empty()) return wrong("URI with an empty user before '@'");
    out.has_password = found.colon != found.none;
    if (out.has_password) out.password = userinfo.substr(found.colon + 1);
    host = found.at + 1;
  }
  if (found.question != found.none) {
    out.headers = rest.substr(found.question + 1);
    if (out.headers.empty()) return wrong("URI with '?' and no headers");
    rest = rest.substr(0, found.question);
  }
  const auto semicolon = std::min(found.semicolon, rest.size());
  const auto where = text::to_host_port(rest.substr(host, semicolon - host));
  if (!where) return wrong("URI with a malformed host or port");
  out.params = params_view{rest.substr(semicolon)};
  if (!out.params.check().empty()) return wrong("URI with malformed parameters");
  out.host = where->host;
  out.port = where->port;
  return out;
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

decoded<uri_view> view_uri(std::string_view in) {
  std::size_t colon = in.starts_with("sip:") ? 3 : 0; // as a rule
  while (colon < in.size() && is_scheme_char(in[colon])) ++colon;
  if (colon == 0 || colon == in.size() || in[colon] != ':' || !text::is_alpha(in.front()))
    return wrong("URI without a scheme");
  uri_view out;
  out.scheme = in.substr(0, colon);
  const auto rest = in.substr(colon + 1);
  out.secure = text::same(out.scheme, "sips");
  out.sip_or_sips = out.secure || text::same(out.scheme, "sip");
  if (rest.empty()) return wrong("URI with nothing behind its scheme");
  if (out.sip_or_sips) return view_sip_uri(out, rest);
  if (!text::all(rest, text::uri_char)) return wrong("URI with a character that must be escaped");
  out.opaque = rest;
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
