#include "protocol/sip/non_invite_client_transaction.hpp"

#include "protocol/sip/writer.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::sip {

non_invite_client_transaction::non_invite_client_transaction(message request, bool reliable,
                                                             timer_values timers)
    : request_{std::move(request)}, timers_{timers}, reliable_{reliable} {}

transaction_effects non_invite_client_transaction::on(const non_invite_client_event& what,
                                                      instant) {
  transaction_effects out;
  if (state_ != state_type::terminated) std::visit([&](const auto& e) { on(e, out); }, what);
  return out;
}

void non_invite_client_transaction::on(start, transaction_effects& out) {
  if (state_ != state_type::trying || retransmit_after_ != duration{}) return;
  retransmit_after_ = timers_.t1;
  out.push_back(transmit{to_bytes(request_)});
  if (!reliable_) out.push_back(start_timer{timer_name::e, timers_.t1});
  out.push_back(start_timer{timer_name::f, 64 * timers_.t1});
}

void non_invite_client_transaction::on(const from_network& e, transaction_effects& out) {
  const auto& response = e.received;
  if (response.is_request() || state_ == state_type::completed) return;
  if (response.status < 200) {
    // Timers E and F go on (RFC 3261 17.1.2.2); E at T2 from its next firing.
    state_ = state_type::proceeding;
    out.push_back(pass_up{response});
    return;
  }
  if (!reliable_) out.push_back(stop_timer{timer_name::e});
  out.push_back(stop_timer{timer_name::f});
  out.push_back(pass_up{response});
  if (reliable_) {
    // Timer K is zero on a stream.
    state_ = state_type::terminated;
    out.push_back(sip::terminated{});
    return;
  }
  state_ = state_type::completed;
  out.push_back(start_timer{timer_name::k, timers_.t4});
}

void non_invite_client_transaction::on(timer_fired e, transaction_effects& out) {
  const bool open = state_ == state_type::trying || state_ == state_type::proceeding;
  if (e.timer == timer_name::e && open && !reliable_) {
    retransmit_after_ =
        state_ == state_type::proceeding ? timers_.t2 : std::min(2 * retransmit_after_, timers_.t2);
    out.push_back(transmit{to_bytes(request_)});
    out.push_back(start_timer{timer_name::e, retransmit_after_});
  } else if (e.timer == timer_name::f && open) {
    state_ = state_type::terminated;
    out.push_back(timed_out{});
    out.push_back(sip::terminated{});
  } else if (e.timer == timer_name::k && state_ == state_type::completed) {
    state_ = state_type::terminated;
    out.push_back(sip::terminated{});
  }
}

void non_invite_client_transaction::on(transport_failed, transaction_effects& out) {
  if (state_ == state_type::completed) return; // nothing more is sent
  state_ = state_type::terminated;
  out.push_back(transport_error{});
  out.push_back(sip::terminated{});
}

} // namespace holdfast::sip
