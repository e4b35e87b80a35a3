// Who a request is from, as far as others may be told: P-Asserted-Identity and Privacy at the edge
// of the trust domain (RFC 3325, RFC 3323). Inside are the addresses that the configuration trusts.
#pragma once

#include "protocol/sip/message.hpp"

#include <string>

namespace holdfast::applications {

// A request that comes in. From outside, an asserted identity is removed, and where digest has
// proved the user, his identity is asserted: the preferred one if it is his, else the one in From.
void assert_identity(sip::message& request, bool from_trusted, const std::string& user,
                     const std::string& realm);

// A message that leaves to `trusted` or not: outside, Privacy: id hides the asserted identity.
void withhold_identity(sip::message& m, bool to_trusted);

// RFC 3323 5: the request demands ("critical") a privacy that nobody here provides.
[[nodiscard]] bool demands_unknown_privacy(const sip::message& request);

} // namespace holdfast::applications
