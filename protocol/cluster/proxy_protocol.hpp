// The PROXY protocol, version 2, in front of a datagram and at the head of a stream: how the
// addresses of a client travel between dispatcher and proxy (the specification is HAProxy's
// doc/proxy-protocol.txt, section 2.2).
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

// ---- streams: the header once, then bytes as they come

[[nodiscard]] std::string stream_header(const endpoint& source, const endpoint& destination);

inline constexpr std::size_t stream_header_fixed = 16; // tells how much follows
inline constexpr std::size_t stream_header_max = 536;  // what every receiver has to take

// Whole size of the header that begins with these stream_header_fixed bytes. Error: it is none, of
// another version, or larger than stream_header_max.
[[nodiscard]] result<std::size_t> stream_header_size(std::string_view fixed);

struct stream_addresses {
  endpoint source;
  endpoint destination;
};
// `header` is complete. Error: another transport, a LOCAL command (a health check), cut short.
[[nodiscard]] result<stream_addresses> read_stream_header(std::string_view header);

} // namespace holdfast::cluster
