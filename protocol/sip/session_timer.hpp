// Session timers (RFC 4028): how two ends agree on an interval within which one of them refreshes
// the session by re-INVITE or UPDATE, so that a call whose other end has vanished ends.
#pragma once

#include "protocol/core/time.hpp"
#include "protocol/sip/message.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::sip {

inline constexpr std::uint32_t session_minimum_s = 90; // RFC 4028 4: the least there may be

enum class refresher : std::uint8_t { unsaid, uac, uas }; // of the request that says it

struct session_expires {
  std::uint32_t seconds = 0;
  refresher who = refresher::unsaid;

  friend bool operator==(const session_expires&, const session_expires&) = default;
};

[[nodiscard]] std::string to_string(const session_expires& s);
// nullopt: absent or unreadable.
[[nodiscard]] std::optional<session_expires> session_expires_of(const message& m);
[[nodiscard]] std::uint32_t min_se_of(const message& m); // session_minimum_s when absent

// RFC 4028 9: what the UAS puts into its 2xx; nullopt: no session timer. `wanted_s` is our own wish
// where the request has none, 0 for none. We refresh by UPDATE alone: a peer that does not allow it
// has to refresh itself, or there is no timer.
[[nodiscard]] std::optional<session_expires> accept_session(const message& request,
                                                            std::uint32_t wanted_s);

// RFC 4028 10: when to refresh, and when to send BYE because nobody has.
[[nodiscard]] duration refresh_after(std::uint32_t seconds);
[[nodiscard]] duration expires_after(std::uint32_t seconds);

} // namespace holdfast::sip
