// A message back to bytes. Content-Length is written here, last, from the body.
#pragma once

#include "protocol/sip/message.hpp"

#include <cstddef>
#include <string>

namespace holdfast::sip {

// For what parse() accepts: parse(to_bytes(m)) == m.
[[nodiscard]] std::string to_bytes(const message& m);
// Without writing it: to_bytes(m) is not larger than this, and about as large.
[[nodiscard]] std::size_t size_at_most(const message& m);

} // namespace holdfast::sip
