// One datagram (or one framed message of a stream) to a message, or to what a 400 needs.
//
// Linear in the size of the input; nothing is allocated for a length the input only claims. What is
// accepted can be answered, matched and routed without further checks of the mandatory fields.
#pragma once

#include "protocol/sip/message.hpp"

#include <tl/expected.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

inline constexpr std::size_t message_size_max = 65535;
inline constexpr std::size_t headers_max = 256;
inline constexpr std::size_t header_size_max = 8192; // name and value, unfolded
inline constexpr std::size_t start_line_size_max = 8192;

struct parse_error {
  std::string what;               // for the operator and the reason phrase
  int status = 400;               // what to answer; 0: nothing to answer (keep-alive, noise)
  std::optional<message> partial; // the request as far as it could be read; absent for responses

  friend bool operator==(const parse_error&, const parse_error&) = default;
};

using parse_result = tl::expected<message, parse_error>;

// Bytes behind Content-Length are ignored (RFC 3261 18.3); too few are an error.
[[nodiscard]] parse_result parse(std::string_view datagram);

// The answer to a malformed request, stateless, with a To-tag that is the same for every copy
// (RFC 3261 8.2.7). nullopt: not a request, an ACK, or no Via to send it by. Via may be
// unreadable: send to the packet's source then.
[[nodiscard]] std::optional<message> error_response(const parse_error& e);

// A To-tag that is a function of the request: for answers nobody remembers.
[[nodiscard]] std::string stateless_tag(const message& request);

// For streams (RFC 3261 18.3): bytes of the first message in `buffer` including leading CRLFs;
// 0: more is needed. Error: it can never become a message; the connection is to be closed.
[[nodiscard]] result<std::size_t> framed_size(std::string_view buffer);

} // namespace holdfast::sip
