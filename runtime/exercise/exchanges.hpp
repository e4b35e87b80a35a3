// A call log taken apart into transactions, each as one end saw it.
#pragma once

#include "runtime/exercise/call_log.hpp"

#include <vector>

namespace holdfast::exercise {

// Pointers into the log. ACKs are no transactions and not among them.
struct exchange {
  party who = party::caller;
  const observation* request = nullptr;      // the first copy; nullptr: responses without one
  std::vector<const observation*> copies;    // of the request, the first included
  std::vector<const observation*> responses; // all, copies included

  [[nodiscard]] const observation* final() const; // the first one; nullptr: none
  [[nodiscard]] bool sent() const { return request && request->direction == way::sent; }
  [[nodiscard]] bool received() const { return request && request->direction == way::received; }
  // RFC 3261 12.2: the To-tag makes it a request inside a dialog.
  [[nodiscard]] bool in_dialog() const { return request && !request->to_tag.empty(); }
  // The far end asked for another try: 491, 500 and 503 with Retry-After, or a challenge.
  [[nodiscard]] bool deferred() const;
  [[nodiscard]] bool challenged() const; // 401, 407
};

// In the order of their first message.
[[nodiscard]] std::vector<exchange> exchanges(const call_log& log);

// The exchange that a deferred one was repeated by; nullptr: it was not.
[[nodiscard]] const exchange* retry_of(const exchange& x, const std::vector<exchange>& all);

// "+1.203 s caller -> INVITE" ..., both ends; at most `rows_max`, around `at`.
[[nodiscard]] std::string ladder(const call_log& log, instant at, std::size_t rows_max = 24);

} // namespace holdfast::exercise
