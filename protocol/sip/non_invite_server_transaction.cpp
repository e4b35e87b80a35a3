#include "protocol/sip/non_invite_server_transaction.hpp"

#include "protocol/sip/writer.hpp"

#include <utility>

namespace holdfast::sip {

namespace {
// RFC 4320 4.1: over UDP no 100 before the client's timer E is at T2. It sends at 0, 0.5, 1.5 and
// 3.5 s and every T2 from there, so that the third copy tells, without a clock of ours.
constexpr std::uint8_t copies_before_trying = 3;
} // namespace

non_invite_server_transaction::non_invite_server_transaction(message request, bool reliable,
                                                             timer_values timers)
    : request_{std::move(request)}, timers_{timers}, reliable_{reliable} {}

transaction_effects non_invite_server_transaction::on(const non_invite_server_event& what,
                                                      instant) {
  transaction_effects out;
  if (state_ != state_type::terminated) std::visit([&](const auto& e) { on(e, out); }, what);
  return out;
}

void non_invite_server_transaction::on(start, transaction_effects& out) {
  if (state_ == state_type::trying) out.push_back(pass_up{request_});
}

void non_invite_server_transaction::on(const from_network& e, transaction_effects& out) {
  // RFC 3261 17.2.2: in trying a copy is discarded, later it gets the last response.
  if (!e.received.is_request()) return;
  if (state_ != state_type::trying)
    out.push_back(transmit{last_response_});
  else if (copies_ < copies_before_trying)
    ++copies_;
}

void non_invite_server_transaction::on(const from_user& e, transaction_effects& out) {
  if (state_ == state_type::completed) return; // RFC 3261 17.2.2: MUST be discarded
  const int status = e.response.status;
  if (status > 100 && status < 200) return; // RFC 4320 4.1: MUST NOT be sent
  if (status == 100 && !reliable_ && copies_ < copies_before_trying) return;
  if (status == 408) {
    // RFC 4320 4.2: MUST NOT be sent; whoever waits for it has given up by now.
    state_ = state_type::terminated;
    out.push_back(sip::terminated{});
    return;
  }
  last_response_ = to_bytes(e.response);
  out.push_back(transmit{last_response_});
  if (status < 200) {
    state_ = state_type::proceeding;
    return;
  }
  if (reliable_) {
    // Timer J is zero on a stream.
    state_ = state_type::terminated;
    out.push_back(sip::terminated{});
    return;
  }
  state_ = state_type::completed;
  out.push_back(start_timer{timer_name::j, 64 * timers_.t1});
}

void non_invite_server_transaction::on(timer_fired e, transaction_effects& out) {
  if (e.timer != timer_name::j || state_ != state_type::completed) return;
  state_ = state_type::terminated;
  out.push_back(sip::terminated{});
}

void non_invite_server_transaction::on(transport_failed, transaction_effects& out) {
  if (state_ == state_type::trying) return; // nothing was sent
  // RFC 3261 17.2.4.
  state_ = state_type::terminated;
  out.push_back(transport_error{});
  out.push_back(sip::terminated{});
}

} // namespace holdfast::sip
