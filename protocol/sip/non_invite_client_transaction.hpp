// The non-INVITE client transaction, RFC 3261 17.1.2.
//
//   trying --1xx--> proceeding --200..699--> completed (timer K) --> terminated
//      +----------------200..699-------------^
#pragma once

#include "protocol/sip/transaction.hpp"

namespace holdfast::sip {

using non_invite_client_event = std::variant<start, from_network, timer_fired, transport_failed>;

class non_invite_client_transaction {
public:
  enum class state_type : std::uint8_t { trying, proceeding, completed, terminated };

  non_invite_client_transaction() = default; // for decode<>
  // `request` is complete: our Via with its branch on top. `reliable`: the transport is a stream.
  non_invite_client_transaction(message request, bool reliable, timer_values timers = {});

  [[nodiscard]] transaction_effects on(const non_invite_client_event& what, instant now);

  [[nodiscard]] state_type state() const { return state_; }
  [[nodiscard]] const message& request() const { return request_; }

  friend bool operator==(const non_invite_client_transaction&,
                         const non_invite_client_transaction&) = default;

  template <class F>
  friend void describe(F& f, non_invite_client_transaction& x) {
    f(1, x.state_);
    f(2, x.request_);
    f(3, x.reliable_);
    f(4, x.timers_);
    f(5, x.retransmit_after_);
  }

private:
  void on(start, transaction_effects& out);
  void on(const from_network& e, transaction_effects& out);
  void on(timer_fired e, transaction_effects& out);
  void on(transport_failed, transaction_effects& out);

  message request_;
  timer_values timers_;
  duration retransmit_after_{};
  state_type state_ = state_type::trying;
  bool reliable_ = false;
};

} // namespace holdfast::sip
