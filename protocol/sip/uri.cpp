#include "protocol/sip/uri.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>
#include <vector>

namespace holdfast::sip {

namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

bool is_scheme(std::string_view s) {
  return !s.empty() && text::is_alpha(s.front()) && std::all_of(s.begin(), s.end(), [](char c) {
    return text::is_alnum(c) || c == '+' || c == '-' || c == '.';
  });
}

bool has_forbidden_char(std::string_view s) {
  return std::any_of(s.begin(), s.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7f || c == '<' || c == '>' || c == '"';
  });
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

bool params_match_one_way(const param_list& a, const param_list& b) {
  return std::all_of(a.begin(), a.end(), [&](const param& p) {
    const auto name = normalized(p.name);
    const auto other = std::find_if(
        b.begin(), b.end(), [&](const param& o) { return text::same(normalized(o.name), name); });
    if (other == b.end()) return !never_ignored(name);
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

result<uri> parse_sip_uri(std::string scheme, std::string_view rest) {
  uri out;
  out.scheme = std::move(scheme);
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    const auto userinfo = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    if (rest.find('@') != std::string_view::npos) return fail("URI with more than one '@'");
    const auto colon = userinfo.find(':');
    out.user = userinfo.substr(0, colon);
    if (out.user.empty()) return fail("URI with an empty user before '@'");
    if (colon != std::string_view::npos) out.password = userinfo.substr(colon + 1);
  }
  if (const auto question = rest.find('?'); question != std::string_view::npos) {
    out.headers = rest.substr(question + 1);
    if (out.headers.empty()) return fail("URI with '?' and no headers");
    rest = rest.substr(0, question);
  }
  const auto semicolon = std::min(rest.find(';'), rest.size());
  auto where = text::to_host_port(rest.substr(0, semicolon));
  if (!where) return fail("URI with a malformed host or port");
  auto params = parse_params(rest.substr(semicolon));
  if (!params) return fail("URI with malformed parameters");
  out.host = std::move(where->host);
  out.port = where->port;
  out.params = std::move(*params);
  return out;
}

} // namespace

bool uri::has_param(std::string_view name) const {
  return find_param(params, name) != nullptr;
}
std::string_view uri::param(std::string_view name) const {
  return param_value(params, name);
}

result<uri> parse_uri(std::string_view in) {
  const auto colon = in.find(':');
  if (colon == std::string_view::npos || !is_scheme(in.substr(0, colon)))
    return fail("URI without a scheme");
  if (has_forbidden_char(in)) return fail("URI with a character that must be escaped");
  auto scheme = text::to_lower(in.substr(0, colon));
  const auto rest = in.substr(colon + 1);
  if (rest.empty()) return fail("URI with nothing behind its scheme");
  if (scheme == "sip" || scheme == "sips") {
    if (!unescape(rest)) return fail("URI with a '%' that is no escape");
    return parse_sip_uri(std::move(scheme), rest);
  }
  uri out;
  out.scheme = std::move(scheme);
  out.opaque = rest;
  return out;
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

std::string canonical_aor(const uri& u) {
  if (u.scheme == "tel") return "tel:" + telephone_number(u.opaque);
  if (!u.is_sip()) return to_string(u);
  std::string out = "sip:";
  if (!u.user.empty()) out += escape_user(unescape(u.user).value_or(u.user)) + "@";
  const auto port = u.port == (u.secure() ? 5061 : 5060) ? std::uint16_t{0} : u.port;
  return out + text::to_lower(text::host_port_text(u.host, port));
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
