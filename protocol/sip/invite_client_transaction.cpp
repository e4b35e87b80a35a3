#include "protocol/sip/invite_client_transaction.hpp"

#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::sip {

namespace {
// RFC 3261 17.1.1.2: timer D is at least 32 s over UDP; 64*T1 with the default T1.
constexpr int timer_d_factor = 64;
} // namespace

invite_client_transaction::invite_client_transaction(message request, bool reliable,
                                                     timer_values timers)
    : request_{std::move(request)}, timers_{timers}, reliable_{reliable} {}

transaction_effects invite_client_transaction::on(const invite_client_event& what, instant) {
  transaction_effects out;
  if (state_ != state_type::terminated) std::visit([&](const auto& e) { on(e, out); }, what);
  return out;
}

void invite_client_transaction::on(start, transaction_effects& out) {
  if (state_ != state_type::calling || retransmit_after_ != duration{}) return;
  retransmit_after_ = timers_.t1;
  out.push_back(transmit{to_bytes(request_)});
  if (!reliable_) out.push_back(start_timer{timer_name::a, timers_.t1});
  out.push_back(start_timer{timer_name::b, 64 * timers_.t1});
}

// RFC 3261 17.1.1.2: no more retransmissions, and no timer B, once there is any response.
void invite_client_transaction::stop_calling(transaction_effects& out) const {
  if (state_ != state_type::calling) return;
  if (!reliable_) out.push_back(stop_timer{timer_name::a});
  out.push_back(stop_timer{timer_name::b});
}

void invite_client_transaction::on(const from_network& e, transaction_effects& out) {
  const auto& response = e.received;
  if (response.is_request()) return;
  const bool open = state_ == state_type::calling || state_ == state_type::proceeding;
  if (response.status < 200) {
    if (!open) return;
    stop_calling(out);
    state_ = state_type::proceeding;
    out.push_back(pass_up{response});
    return;
  }
  if (response.status < 300) {
    // RFC 6026 7.2: every 2xx goes up, for 64*T1 after the first.
    if (state_ == state_type::accepted) out.push_back(pass_up{response});
    if (!open) return;
    stop_calling(out);
    state_ = state_type::accepted;
    out.push_back(pass_up{response});
    out.push_back(start_timer{timer_name::m, 64 * timers_.t1});
    return;
  }
  if (state_ == state_type::completed) {
    out.push_back(transmit{ack_}); // RFC 3261 17.1.1.2: a copy is acknowledged, not passed up
    return;
  }
  if (!open) return;
  stop_calling(out);
  ack_ = to_bytes(make_non_2xx_ack(request_, response));
  out.push_back(transmit{ack_});
  out.push_back(pass_up{response});
  if (reliable_) {
    // Timer D is zero on a stream.
    state_ = state_type::terminated;
    out.push_back(sip::terminated{});
    return;
  }
  state_ = state_type::completed;
  out.push_back(start_timer{timer_name::d, timer_d_factor * timers_.t1});
}

void invite_client_transaction::on(timer_fired e, transaction_effects& out) {
  if (e.timer == timer_name::a && state_ == state_type::calling && !reliable_) {
    // RFC 3261 17.1.1.2: doubles until timer B, which comes before the bound is reached.
    retransmit_after_ = std::min(2 * retransmit_after_, 64 * timers_.t1);
    out.push_back(transmit{to_bytes(request_)});
    out.push_back(start_timer{timer_name::a, retransmit_after_});
  } else if (e.timer == timer_name::b && state_ == state_type::calling) {
    state_ = state_type::terminated;
    out.push_back(timed_out{});
    out.push_back(sip::terminated{});
  } else if ((e.timer == timer_name::d && state_ == state_type::completed)
             || (e.timer == timer_name::m && state_ == state_type::accepted)) {
    state_ = state_type::terminated;
    out.push_back(sip::terminated{});
  }
}

void invite_client_transaction::on(transport_failed, transaction_effects& out) {
  // Proceeding and accepted wait for the peer and have nothing to send: RFC 6026 7.2 keeps them.
  if (state_ != state_type::calling && state_ != state_type::completed) return;
  state_ = state_type::terminated;
  out.push_back(transport_error{});
  out.push_back(sip::terminated{});
}

} // namespace holdfast::sip
