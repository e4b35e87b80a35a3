#include "protocol/applications/drill.hpp"

#include <charconv>
#include <stdexcept>
#include <string_view>

namespace holdfast::applications {

void drill::rehearse(const context& session, const sip::message& message) const {
  static constexpr std::string_view until = "throw-until:";
  const auto order = message.header(header_);
  if (!order) return;
  if (*order == "throw") throw std::runtime_error("drill: the message asked for an exception");
  if (!order->starts_with(until)) return;
  const auto number = order->substr(until.size());
  unsigned restarts = 0;
  std::from_chars(number.data(), number.data() + number.size(), restarts);
  if (session.restarts() < restarts)
    throw std::runtime_error("drill: the message asked for an exception until restart "
                             + std::to_string(restarts));
}

} // namespace holdfast::applications
