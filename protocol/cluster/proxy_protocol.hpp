// The PROXY protocol, version 2, in front of a datagram: how the addresses of a client travel
// between dispatcher and proxy (the specification is HAProxy's doc/proxy-protocol.txt,
// section 2.2).
//
//   12 bytes signature | version 2, command | family, DGRAM | length | addresses, ports | payload
#pragma once

#include "protocol/core/endpoint.hpp"
#include "protocol/core/result.hpp"

#include <string>
#include <string_view>

namespace holdfast::cluster {

// Both addresses numeric and of one family; otherwise the header says "unspecified" and the
// receiver refuses it.
[[nodiscard]] std::string wrap_datagram(const endpoint& source, const endpoint& destination,
                                        std::string_view payload);

struct unwrapped_datagram {
  endpoint source;
  endpoint destination;
  std::string_view payload; // a view into the datagram
};

// Error: no header, another version or transport, or a header longer than the datagram. Extensions
// (TLVs) behind the addresses are skipped.
[[nodiscard]] result<unwrapped_datagram> unwrap_datagram(std::string_view datagram);

} // namespace holdfast::cluster
