#include "protocol/sip/transport_rules.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast::sip {

namespace {

std::uint16_t port_or_default(std::uint16_t port, transport t) {
  return port != 0 ? port : default_port(t);
}

void append_number(std::string& out, std::uint16_t number) {
  std::array<char, 5> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  out.append(digits.begin(), end);
}

} // namespace

std::uint16_t default_port(transport t) {
  switch (t) {
  case transport::tls:
    return 5061;
  case transport::ws:
    return 80;
  case transport::wss:
    return 443;
  case transport::udp:
  case transport::tcp:
    break;
  }
  return 5060;
}

bool stamp_source(message& request, const endpoint& source) {
  auto top = request.top_via();
  if (!top) return false;
  // RFC 3581 section 4: rport asks for both, received even where it equals sent-by.
  const bool rport = top->wants_rport();
  const bool differs = !text::same(top->host, source.host);
  // What a client claims about its own address is not to be believed.
  const bool claimed = find_param(top->params, "received") != nullptr;
  if (!rport && !differs && !claimed) return true;
  remove_param(top->params, "received");
  if (rport) set_param(top->params, "rport", std::to_string(source.port));
  if (rport || differs) set_param(top->params, "received", source.host);
  return request.replace_first("Via", to_string(*top));
}

bool append_stamped(const message_view& request, const endpoint& source, std::string& out) {
  const auto value = request.first_value(header_name::via);
  const auto top = view_via(value);
  const auto whole = request.bytes();
  if (!top) return false;
  const bool rport = top->params.has("rport");
  const bool differs = !text::same(top->host, source.host);
  if (!rport && !differs && !top->params.has("received")) {
    out += whole;
    return true;
  }
  const auto before = static_cast<std::size_t>(top->params.text().data() - whole.data());
  const auto behind = static_cast<std::size_t>(value.data() + value.size() - whole.data());
  out += whole.substr(0, before);
  param_view p;
  bool filled = false; // of two the first counts
  for (std::size_t at = 0; top->params.next(at, p);) {
    if (text::same(p.name, "received")) continue;
    out.append(";").append(p.name);
    const bool here = !filled && text::same(p.name, "rport");
    filled = filled || here;
    if (here)
      append_number(out.append("="), source.port);
    else if (p.has_value)
      out.append("=").append(p.value);
  }
  if (rport || differs) out.append(";received=").append(source.host);
  out += whole.substr(behind);
  return true;
}

endpoint response_destination(const via& top) {
  const auto over = transport_of(top.transport).value_or(transport::udp);
  const auto port = port_or_default(top.port, over);
  const auto received = top.received();
  if (!is_reliable(over)) {
    if (const auto maddr = top.maddr(); !maddr.empty()) return {maddr, port};
    // RFC 3581 section 4: back to where it came from, through the same mapping.
    if (!received.empty()) return {received, top.rport().value_or(port)};
  }
  return {received.empty() ? top.host : received, port};
}

flow way_back(const message& request, const flow& came_from) {
  const auto top = request.top_via();
  if (came_from.reliable() || !top) return came_from;
  if (is_reliable(transport_of(top->transport).value_or(transport::udp))) return came_from;
  return response_destination(*top);
}

flow way_back(const via& top) {
  const auto over = transport_of(top.transport).value_or(transport::udp);
  auto back = response_destination(top);
  // The other end of the connection, if it is still there.
  if (is_reliable(over) && !top.received().empty()) back.port = top.rport().value_or(back.port);
  return {std::move(back), over};
}

result<flow> target_of(const uri& u) {
  if (!u.is_sip()) return fail("no route to a URI that is neither sip nor sips");
  flow out;
  const auto named = u.param("transport");
  if (!named.empty()) {
    const auto known = transport_of(named);
    if (!known) return fail("URI with an unknown transport");
    out.over = *known;
  }
  // RFC 3261 26.2.2: sips is TLS on every hop, whatever the parameter says.
  if (u.secure())
    out.over =
        out.over == transport::ws || out.over == transport::wss ? transport::wss : transport::tls;
  const auto maddr = u.param("maddr");
  out.host = maddr.empty() ? u.host : std::string{maddr};
  out.port = port_or_default(u.port, out.over);
  return out;
}

std::string uri_over(std::string_view user, const endpoint& where, transport t, bool secure) {
  std::string text{secure ? "sips:" : "sip:"};
  text.append(user).append("@").append(to_string(where));
  if (t == transport::udp || (secure && t == transport::tls)) return text;
  return text.append(";transport=")
      .append(t == transport::wss ? "ws" : text::to_lower(to_string(t)));
}

bool is_numeric_host(std::string_view host) {
  if (host.find(':') != std::string_view::npos) return true;
  return !host.empty() && std::count(host.begin(), host.end(), '.') == 3
         && std::all_of(host.begin(), host.end(),
                        [](char c) { return text::is_digit(c) || c == '.'; });
}

} // namespace holdfast::sip
