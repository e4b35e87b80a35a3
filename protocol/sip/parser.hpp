// One datagram (or one framed message of a stream) to a message that its reader keeps, or to what a
// 400 needs. message_view does the reading and check_message() the judging; here is the copy.
#pragma once

#include "protocol/sip/message.hpp"
#include "protocol/sip/message_view.hpp"

#include <tl/expected.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

struct parse_error {
  std::string what;               // for the operator and the reason phrase
  int status = 400;               // what to answer; 0: nothing to answer (keep-alive, noise)
  std::optional<message> partial; // the request as far as it could be read; absent for responses

  friend bool operator==(const parse_error&, const parse_error&) = default;
};

using parse_result = tl::expected<message, parse_error>;

// What a view has indexed, malformed or not, as a message.
[[nodiscard]] message copy_of(const message_view& view);

// Bytes behind Content-Length are ignored (RFC 3261 18.3); too few are an error.
[[nodiscard]] parse_result parse(std::string_view datagram);

// The answer to a malformed request, stateless, with a To-tag that is the same for every copy
// (RFC 3261 8.2.7). nullopt: not a request, an ACK, or no Via to send it by. Via may be
// unreadable: send to the packet's source then.
[[nodiscard]] std::optional<message> error_response(const parse_error& e);

// A To-tag that is a function of the request: for answers nobody remembers.
[[nodiscard]] std::string stateless_tag(const message& request);

} // namespace holdfast::sip
