// What a proxy does to the routing of a request it passes on (RFC 3261 16.4, 16.6, 16.12), and how
// it notices that it sees one again (RFC 5393).
#pragma once

#include "protocol/sip/message.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace holdfast::sip {

inline constexpr unsigned max_breadth_default = 60; // RFC 5393 5.3.3

// Names this URI ourselves, as a hop?
using is_own_uri = std::function<bool(const uri&)>;

// RFC 3261 16.4: a strict router before us has made our Record-Route URI the Request-URI: the last
// Route goes back there. Then the top Routes that name us go; two of them where we sit on two
// transports (RFC 5658).
void take_own_routes(message& request, const is_own_uri& ours);

// RFC 3261 16.6 step 6, before a request is sent: a strict router at the top of the route set
// becomes the Request-URI. Returns the URI that says where to send (step 7).
[[nodiscard]] std::string route_onwards(message& request);

// RFC 5393 4.2.1: equal for two requests exactly if forwarding them would be a loop: over what
// decides where a request goes. 12 characters of [0-9a-f], for the end of our branch.
[[nodiscard]] std::string loop_mark(const message& request);

// Did we forward this very request before? `sent_by` as via::sent_by() gives it.
[[nodiscard]] bool has_looped(const message& request, std::string_view sent_by,
                              std::string_view mark);

// RFC 3261 16.7 step 6: is `a` a better final response to pass back than `b`? A 6xx decides, then
// the lower class, and among 4xx those that tell the caller what to change.
[[nodiscard]] bool better_response(int a, int b);

} // namespace holdfast::sip
