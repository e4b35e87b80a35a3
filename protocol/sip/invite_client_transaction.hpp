// The INVITE client transaction, RFC 3261 17.1.1 with the Accepted state of RFC 6026 7.2.
//
//   calling --1xx--> proceeding --3xx..6xx--> completed (ACK, timer D) --> terminated
//      |                  |                       ^ also from calling
//      +-------2xx--------+--> accepted (timer M; every 2xx goes up) --> terminated
#pragma once

#include "protocol/sip/transaction.hpp"

namespace holdfast::sip {

using invite_client_event = std::variant<start, from_network, timer_fired, transport_failed>;

class invite_client_transaction {
public:
  enum class state_type : std::uint8_t { calling, proceeding, completed, accepted, terminated };

  invite_client_transaction() = default; // for decode<>
  // `request` is complete: our Via with its branch on top. `reliable`: the transport is a stream.
  invite_client_transaction(message request, bool reliable, timer_values timers = {});

  [[nodiscard]] transaction_effects on(const invite_client_event& what, instant now);

  [[nodiscard]] state_type state() const { return state_; }
  [[nodiscard]] const message& request() const { return request_; }

  friend bool operator==(const invite_client_transaction&,
                         const invite_client_transaction&) = default;

  template <class F>
  friend void describe(F& f, invite_client_transaction& x) {
    f(1, x.state_);
    f(2, x.request_);
    f(3, x.reliable_);
    f(4, x.timers_);
    f(5, x.retransmit_after_);
    f(6, x.ack_);
  }

private:
  void on(start, transaction_effects& out);
  void on(const from_network& e, transaction_effects& out);
  void on(timer_fired e, transaction_effects& out);
  void on(transport_failed, transaction_effects& out);
  void stop_calling(transaction_effects& out) const;

  message request_;
  std::string ack_; // bytes of the ACK to a non-2xx
  timer_values timers_;
  duration retransmit_after_{};
  state_type state_ = state_type::calling;
  bool reliable_ = false;
};

} // namespace holdfast::sip
