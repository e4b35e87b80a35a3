// The non-INVITE server transaction, RFC 3261 17.2.2, with RFC 4320 section 4: a 100 goes out late
// or not at all, another 1xx and a 408 never.
//
//   trying --1xx--> proceeding --200..699--> completed (timer J) --> terminated
//      +----------------200..699-------------^
#pragma once

#include "protocol/sip/transaction.hpp"

namespace holdfast::sip {

using non_invite_server_event =
    std::variant<start, from_network, from_user, timer_fired, transport_failed>;

class non_invite_server_transaction {
public:
  enum class state_type : std::uint8_t { trying, proceeding, completed, terminated };

  non_invite_server_transaction() = default; // for decode<>
  non_invite_server_transaction(message request, bool reliable, timer_values timers = {});

  // start: passes the request up. from_network: a copy of the request.
  [[nodiscard]] transaction_effects on(const non_invite_server_event& what, instant now);

  [[nodiscard]] state_type state() const { return state_; }
  [[nodiscard]] const message& request() const { return request_; }
  [[nodiscard]] const std::string& last_response() const { return last_response_; } // "": none yet

  friend bool operator==(const non_invite_server_transaction&,
                         const non_invite_server_transaction&) = default;

  template <class F>
  friend void describe(F& f, non_invite_server_transaction& x) {
    f(1, x.state_);
    f(2, x.request_);
    f(3, x.reliable_);
    f(4, x.timers_);
    f(5, x.last_response_);
    f(6, x.copies_);
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
  state_type state_ = state_type::trying;
  std::uint8_t copies_ = 0; // of the request, seen while there was no response
  bool reliable_ = false;
};

} // namespace holdfast::sip
