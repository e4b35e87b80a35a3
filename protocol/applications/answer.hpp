// An answering machine: takes every call, answers the media of the offer as inactive, and holds
// until the caller hangs up. The other end for rehearsals, and the smallest application to read.
//
// Setting: ring_ms    how long it rings first; 0 (default) answers at once, at most 60000
#pragma once

#include "protocol/applications/application.hpp"

#include <string>
#include <string_view>

namespace holdfast::applications {

struct answering_machine final : basic_application<answering_machine> {
  transaction_id ringing;    // the INVITE that the ring timer answers; 0: none
  std::string answer;        // SDP for it
  std::uint32_t version = 0; // of our session description; goes up with each

  static result<void> check(const settings& given);

  void on_request(context& session, const incoming_request& request) override;
  void on_cancel(context& session, transaction_id invite) override;
  void on_timer(context& session, const std::string& name) override;
};

template <class F>
void describe(F& f, answering_machine& x) {
  f(1, x.ringing);
  f(2, x.answer);
  f(3, x.version);
}

// RFC 3264 6: an answer to `offer` that accepts each stream with its first format and moves no
// media; an offer of our own when there is none. Empty: the offer is no session description.
[[nodiscard]] std::string sdp_answer(std::string_view offer, std::string_view host,
                                     std::uint32_t version);

} // namespace holdfast::applications
