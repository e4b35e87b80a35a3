// Requests that are made out of another one: CANCEL (RFC 3261 9.1) and the ACK to a non-2xx final
// response (RFC 3261 17.1.1.3).
#pragma once

#include "protocol/sip/message.hpp"

namespace holdfast::sip {

// `request` is as it was sent: with our Via on top. Sent to the same destination, in a client
// transaction of its own, after a provisional response only.
[[nodiscard]] message make_cancel(const message& request);

[[nodiscard]] message make_non_2xx_ack(const message& invite, const message& response);

} // namespace holdfast::sip
