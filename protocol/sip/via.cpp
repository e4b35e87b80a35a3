#include "protocol/sip/via.hpp"

#include "protocol/sip/scanner.hpp"
#include "protocol/sip/text.hpp"
#include "protocol/sip/via_view.hpp"

namespace holdfast::sip {

namespace {

constexpr std::string_view usual_protocol = "SIP/2.0/";

// A token and the '/' behind it, blanks around either.
bool take_before_slash(text::scanner& s, std::string_view& token) {
  s.skip_blanks();
  token = s.run(text::token_char);
  s.skip_blanks();
  return !token.empty() && s.take('/');
}

// sent-by: a host, and maybe a port.
bool take_sent_by(text::scanner& s, via_view& out) {
  s.skip_blanks();
  if (!s.take_host(out.host)) return false;
  s.skip_blanks();
  if (s.take(':')) {
    s.skip_blanks();
    if (!s.take_port(out.port)) return false;
    s.skip_blanks();
  }
  return s.done() || s.sees(';');
}

// "" or what is wrong.
std::string_view read_via(std::string_view in, via_view& out) {
  const bool usual = in.starts_with(usual_protocol);
  text::scanner s{usual ? in.substr(usual_protocol.size()) : in};
  if (usual) {
    out.protocol = in.substr(0, 3);
    out.version = in.substr(4, 3);
  } else {
    if (!take_before_slash(s, out.protocol)) return "Via does not begin with a protocol";
    if (!take_before_slash(s, out.version)) return "Via has no protocol version";
  }
  s.skip_blanks();
  out.transport = s.run(text::token_char);
  if (s.done()) return "Via has no sent-by";
  if (out.transport.empty() || !s.sees_blank()) return "Via has no transport";
  if (!take_sent_by(s, out)) return "Via has a malformed sent-by";
  out.params = params_view{s.rest()};
  return out.params.check("branch", out.branch).empty() ? "" : "Via has malformed parameters";
}

} // namespace

std::string via::branch() const {
  return std::string{param_value(params, "branch")};
}

bool via::has_magic_cookie() const {
  const auto b = param_value(params, "branch");
  return b.size() > magic_cookie.size()
         && text::same(b.substr(0, magic_cookie.size()), magic_cookie);
}

std::string via::received() const {
  auto value = param_value(params, "received");
  if (value.size() > 2 && value.front() == '[' && value.back() == ']')
    value = value.substr(1, value.size() - 2);
  return std::string{value};
}

std::string via::maddr() const {
  return std::string{param_value(params, "maddr")};
}

bool via::wants_rport() const {
  return find_param(params, "rport") != nullptr;
}

std::optional<std::uint16_t> via::rport() const {
  const auto value = text::to_number(param_value(params, "rport"), 65535);
  if (!value || *value == 0) return std::nullopt;
  return static_cast<std::uint16_t>(*value);
}

std::string via::sent_by() const {
  return text::to_lower(text::host_port_text(host, port));
}

decoded<via_view> view_via(std::string_view in) {
  decoded<via_view> out;
  if (const auto bad = read_via(in, *out); !bad.empty()) out = wrong(bad);
  return out;
}

via copy_of(const via_view& view) {
  via out;
  out.protocol = std::string{view.protocol} + "/" + std::string{view.version};
  out.transport = text::to_upper(view.transport);
  out.host = view.host;
  out.port = view.port;
  out.params = copy_of(view.params);
  return out;
}

result<via> parse_via(std::string_view in) {
  return copied(view_via(in), [](const via_view& v) { return copy_of(v); });
}

std::string to_string(const via& v) {
  return v.protocol + "/" + v.transport + " " + text::host_port_text(v.host, v.port)
         + to_string(v.params);
}

} // namespace holdfast::sip
