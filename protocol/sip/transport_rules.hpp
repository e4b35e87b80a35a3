// Where messages come from and go to, as far as it follows from the message alone: RFC 3261 18.2,
// RFC 3581, and RFC 3263 without DNS.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "protocol/core/result.hpp"
#include "protocol/sip/message.hpp"
#include "protocol/sip/message_view.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

enum class transport : std::uint8_t { udp, tcp, tls, ws, wss };

// "UDP", ...; the Via spelling.
[[nodiscard]] std::string_view to_string(transport t);
// Any case; nullopt: unknown.
[[nodiscard]] std::optional<transport> transport_of(std::string_view name);
[[nodiscard]] bool is_reliable(transport t);
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

struct target {
  endpoint where; // port never 0; the host may be a name
  transport over = transport::udp;

  friend bool operator==(const target&, const target&) = default;
};

// RFC 3263 section 4 without NAPTR and SRV: maddr before host, transport parameter, sips over TLS,
// otherwise UDP. Errors: no sip/sips URI, an unknown transport.
[[nodiscard]] result<target> target_of(const uri& u);

// Host compared as RFC 3261 19.1.4 does (names without case, numeric addresses by spelling).
[[nodiscard]] bool is_numeric_host(std::string_view host);

} // namespace holdfast::sip
