// Where a SIP message came from or goes to: an address, the transport, and over a stream which
// connection of which proxy. For datagrams a flow is its address.
//
//   127.0.0.1:5060                        UDP
//   127.0.0.1:40112;tcp;proxy-1/7f31...   the connection that proxy-1 calls so;
//                                         when it is gone, the address is
//                                         all that is left of it
#pragma once

#include "protocol/core/endpoint.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

enum class transport : std::uint8_t { udp = 0, tcp = 1, tls = 2, ws = 3, wss = 4 };

// "UDP", ...; the Via spelling. A number that is no transport reads as UDP.
[[nodiscard]] std::string_view to_string(transport t);
// Any case; nullopt: unknown.
[[nodiscard]] std::optional<transport> transport_of(std::string_view name);
[[nodiscard]] constexpr bool is_reliable(transport t) {
  return t != transport::udp;
}

struct flow : endpoint {
  transport over = transport::udp;
  std::string connection; // PROXY/NUMBER; empty: any that leads there, or a new one

  flow() = default;
  flow(endpoint peer, transport t = transport::udp, std::string through = {})
      : endpoint{std::move(peer)}, over{t}, connection{std::move(through)} {}

  [[nodiscard]] bool reliable() const { return is_reliable(over); }
  // The proxy that has the connection; empty: none is said.
  [[nodiscard]] std::string_view proxy() const {
    return std::string_view{connection}.substr(0, connection.rfind('/'));
  }

  // A template, so that a flow can be compared with a bare address as well.
  template <std::same_as<flow> F>
  friend bool operator==(const F& a, const F& b) {
    return static_cast<const endpoint&>(a) == static_cast<const endpoint&>(b) && a.over == b.over
           && a.connection == b.connection;
  }
};

// As in the head of this file.
[[nodiscard]] std::string to_string(const flow& f);
// The reverse. Errors: those of parse_endpoint(), or an unknown transport.
[[nodiscard]] result<flow> parse_flow(std::string_view text);

template <class F>
void describe(F& f, flow& x) {
  f(1, x.host);
  f(2, x.port);
  f(3, x.over);
  f(4, x.connection);
}

} // namespace holdfast
