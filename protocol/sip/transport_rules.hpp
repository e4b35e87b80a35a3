// Where messages come from and go to, as far as it follows from the message alone: RFC 3261 18.2,
// RFC 3581, and RFC 3263 without DNS.
#pragma once

#include "protocol/core/flow.hpp"
#include "protocol/core/result.hpp"
#include "protocol/sip/message.hpp"
#include "protocol/sip/message_view.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

using holdfast::is_reliable;
using holdfast::to_string;
using holdfast::transport;
using holdfast::transport_of;

[[nodiscard]] std::uint16_t default_port(transport t); // 5060, 5061, 80, 443

// Writes received and rport into the top Via (RFC 3261 18.2.1, RFC 3581 section 4). False: the top
// Via is unreadable, the message is unchanged.
bool stamp_source(message& request, const endpoint& source);

// The same for a request that is passed on as it stands: its bytes with the top Via stamped are
// appended to `out`, every other byte is as it came. False: the top Via is unreadable.
bool append_stamped(const message_view& request, const endpoint& source, std::string& out);

// RFC 3261 18.2.2 for a response with this top Via; over a stream: where to connect when the
// flow is gone. The port is never 0.
[[nodiscard]] endpoint response_destination(const via& top);
// The whole of it: the flow that the request came on, or what its top Via says.
[[nodiscard]] flow way_back(const message& request, const flow& came_from);
// Without the flow, as of a response that is passed on with nothing but its Via (RFC 3261 16.7).
[[nodiscard]] flow way_back(const via& top);

// RFC 3263 section 4 without NAPTR and SRV: maddr before host, transport parameter, sips over TLS,
// otherwise UDP. Errors: no sip/sips URI, an unknown transport.
// The port is never 0; the host may be a name.
[[nodiscard]] result<flow> target_of(const uri& u);

// RFC 3261 18.1.1: a request larger than this goes over a stream, its path's MTU being unknown.
inline constexpr std::size_t datagram_request_max = 1300;

// How we are reached at `where` over `t`: "sip:user@host:port;transport=tcp", sips when `secure`.
[[nodiscard]] std::string uri_over(std::string_view user, const endpoint& where, transport t,
                                   bool secure);

// Host compared as RFC 3261 19.1.4 does (names without case, numeric addresses by spelling).
[[nodiscard]] bool is_numeric_host(std::string_view host);

} // namespace holdfast::sip
