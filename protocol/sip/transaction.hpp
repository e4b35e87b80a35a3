// What the four transactions of RFC 3261 section 17 (with RFC 6026) have in common: events,
// effects, timers. A transaction is a copyable value: on(event, now) -> effects. It stores no
// deadline; the owner keeps one per timer_name and sends timer_fired, so that a replica re-bases
// them itself.
#pragma once

#include "protocol/core/time.hpp"
#include "protocol/sip/message.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace holdfast::sip {

enum class timer_name : std::uint8_t { a, b, c, d, e, f, g, h, i, j, k, l, m };

[[nodiscard]] std::string_view to_string(timer_name t); // "A"

// RFC 3261 17.1.1.1.
struct timer_values {
  duration t1{500ms};
  duration t2{4s};
  duration t4{5s};

  friend bool operator==(const timer_values&, const timer_values&) = default;
};

// ---- events ----------------------------------------------------------------------------------

struct start {}; // once, first: a client sends its request, a server passes its up

struct from_network {
  message received;
};

struct from_user {
  message response;
};

struct timer_fired {
  timer_name timer{};
};

struct transport_failed {}; // RFC 3261 18.4

// ---- effects ---------------------------------------------------------------------------------

struct transmit { // to the transaction's own destination
  std::string bytes;

  friend bool operator==(const transmit&, const transmit&) = default;
};

struct pass_up { // to the transaction user
  message received;

  friend bool operator==(const pass_up&, const pass_up&) = default;
};

struct start_timer { // replaces a running one of the same name
  timer_name timer{};
  duration after{};

  friend bool operator==(const start_timer&, const start_timer&) = default;
};

struct stop_timer {
  timer_name timer{};

  friend bool operator==(const stop_timer&, const stop_timer&) = default;
};

struct timed_out { // client: no final response (treat as 408); server: no ACK
  friend bool operator==(const timed_out&, const timed_out&) = default;
};

struct transport_error { // treat as 503 (RFC 3261 8.1.3.1)
  friend bool operator==(const transport_error&, const transport_error&) = default;
};

struct terminated { // always last: forget the transaction and all of its timers
  friend bool operator==(const terminated&, const terminated&) = default;
};

using transaction_effect = std::variant<transmit, pass_up, start_timer, stop_timer, timed_out,
                                        transport_error, terminated>;
using transaction_effects = std::vector<transaction_effect>;

template <class F>
void describe(F& f, timer_values& x) {
  f(1, x.t1);
  f(2, x.t2);
  f(3, x.t4);
}

} // namespace holdfast::sip
