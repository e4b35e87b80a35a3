#include "protocol/sip/via.hpp"

#include "protocol/sip/text.hpp"
#include "protocol/sip/via_view.hpp"

#include <algorithm>

namespace holdfast::sip {

namespace {

// Takes "SIP / 2.0 / " off the front: the text before '/', which must be a token.
std::optional<std::string_view> take_before_slash(std::string_view& in) {
  const auto slash = in.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto token = text::trim(in.substr(0, slash));
  in.remove_prefix(slash + 1);
  if (!text::is_token(token)) return std::nullopt;
  return token;
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
  via_view out;
  const auto name = take_before_slash(in);
  if (!name) return wrong("Via does not begin with a protocol");
  const auto version = take_before_slash(in);
  if (!version) return wrong("Via has no protocol version");
  while (!in.empty() && text::is_blank(in.front())) in.remove_prefix(1);
  std::size_t end = 0;
  while (end < in.size() && text::is_token_char(in[end])) ++end;
  if (end == in.size()) return wrong("Via has no sent-by");
  if (end == 0 || !text::is_blank(in[end])) return wrong("Via has no transport");
  out.protocol = *name;
  out.version = *version;
  out.transport = in.substr(0, end);
  in.remove_prefix(end);

  const auto semicolon = std::min(in.find(';'), in.size());
  const auto sent_by = text::to_host_port(text::trim(in.substr(0, semicolon)));
  if (!sent_by) return wrong("Via has a malformed sent-by");
  out.host = sent_by->host;
  out.port = sent_by->port;
  out.params = params_view{in.substr(semicolon)};
  if (!out.params.check("branch", out.branch).empty()) return wrong("Via has malformed parameters");
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
