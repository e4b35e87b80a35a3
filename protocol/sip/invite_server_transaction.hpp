// The INVITE server transaction, RFC 3261 17.2.1 with the Accepted state of RFC 6026 7.1.
//
//   proceeding --3xx..6xx--> completed (timers G, H) --ACK--> confirmed (timer I) --> terminated
//       +---2xx---> accepted (timer L; ACK goes up, INVITE is absorbed) --> terminated
//
// It never makes the 100 itself: who runs it knows when 200 ms are over and sends one from_user.
// The 2xx is repeated by its user (invite_success.hpp), not here.
#pragma once

#include "protocol/sip/transaction.hpp"

namespace holdfast::sip {

using invite_server_event =
    std::variant<start, from_network, from_user, timer_fired, transport_failed>;

class invite_server_transaction {
public:
  enum class state_type : std::uint8_t { proceeding, completed, confirmed, accepted, terminated };

  invite_server_transaction() = default; // for decode<>
  invite_server_transaction(message request, bool reliable, timer_values timers = {});

  // start: passes the request up. from_network: a copy of the INVITE, or the ACK.
  [[nodiscard]] transaction_effects on(const invite_server_event& what, instant now);

  [[nodiscard]] state_type state() const { return state_; }
  [[nodiscard]] const message& request() const { return request_; }
  [[nodiscard]] const std::string& last_response() const { return last_response_; } // "": none yet

  friend bool operator==(const invite_server_transaction&,
                         const invite_server_transaction&) = default;

  template <class F>
  friend void describe(F& f, invite_server_transaction& x) {
    f(1, x.state_);
    f(2, x.request_);
    f(3, x.reliable_);
    f(4, x.timers_);
    f(5, x.retransmit_after_);
    f(6, x.last_response_);
  }

private:
  void on(start, transaction_effects& out);
  void on(const from_network& e, transaction_effects& out);
  void on(const from_user& e, transaction_effects& out);
  void on(timer_fired e, transaction_effects& out);
  void on(transport_failed, transaction_effects& out);

  message request_;
  std::string last_response_; // bytes
  timer_values timers_;
  duration retransmit_after_{};
  state_type state_ = state_type::proceeding;
  bool reliable_ = false;
};

} // namespace holdfast::sip
