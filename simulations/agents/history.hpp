// What the world outside saw of a run: every SIP message that a user agent sent or received, and
// every one that left the cluster, arrived or not. This is all that an invariant in SIP's own terms
// is judged by.
#pragma once

#include "protocol/core/time.hpp"
#include "protocol/sip/message.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::simulations {

enum class passage : std::uint8_t {
  sent,     // by the agent
  received, // by the agent
  left      // the cluster, for the agent; `received` follows unless it was lost
};

struct history_entry {
  instant at;
  passage how{};
  std::string agent; // user
  std::shared_ptr<const sip::message> message;
  std::size_t digest = 0; // of the bytes: equal for copies

  [[nodiscard]] bool is_request(std::string_view method) const {
    return message->is_request() && message->is(method);
  }
};

using history = std::vector<history_entry>;

} // namespace holdfast::simulations
