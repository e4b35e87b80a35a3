#include "protocol/sip/invite_server_transaction.hpp"

#include "protocol/sip/writer.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::sip {

invite_server_transaction::invite_server_transaction(message request, bool reliable,
                                                     timer_values timers)
    : request_{std::move(request)}, timers_{timers}, reliable_{reliable} {}

transaction_effects invite_server_transaction::on(const invite_server_event& what, instant) {
  transaction_effects out;
  if (state_ != state_type::terminated) std::visit([&](const auto& e) { on(e, out); }, what);
  return out;
}

void invite_server_transaction::on(start, transaction_effects& out) {
  if (state_ == state_type::proceeding && last_response_.empty()) out.push_back(pass_up{request_});
}

void invite_server_transaction::on(const from_network& e, transaction_effects& out) {
  if (e.received.is("ACK")) {
    if (state_ == state_type::accepted) {
      out.push_back(pass_up{e.received}); // RFC 6026 7.1
    } else if (state_ == state_type::completed) {
      if (!reliable_) out.push_back(stop_timer{timer_name::g});
      out.push_back(stop_timer{timer_name::h});
      if (reliable_) {
        // Timer I is zero on a stream.
        state_ = state_type::terminated;
        out.push_back(sip::terminated{});
      } else {
        state_ = state_type::confirmed;
        out.push_back(start_timer{timer_name::i, timers_.t4});
      }
    }
    return;
  }
  // RFC 3261 17.2.1: a copy of the INVITE gets the last response again; RFC 6026 7.1: in accepted
  // and confirmed it is absorbed.
  const bool answered = state_ == state_type::proceeding || state_ == state_type::completed;
  if (e.received.is("INVITE") && answered && !last_response_.empty())
    out.push_back(transmit{last_response_});
}

void invite_server_transaction::on(const from_user& e, transaction_effects& out) {
  const int status = e.response.status;
  if (state_ == state_type::accepted) {
    // RFC 6026 7.1: the user repeats its 2xx through us; nothing else is possible any more.
    if (status >= 200 && status < 300) out.push_back(transmit{to_bytes(e.response)});
    return;
  }
  if (state_ != state_type::proceeding) return;
  last_response_ = to_bytes(e.response);
  out.push_back(transmit{last_response_});
  if (status < 200) return;
  if (status < 300) {
    state_ = state_type::accepted;
    out.push_back(start_timer{timer_name::l, 64 * timers_.t1});
    return;
  }
  state_ = state_type::completed;
  retransmit_after_ = timers_.t1;
  if (!reliable_) out.push_back(start_timer{timer_name::g, timers_.t1});
  out.push_back(start_timer{timer_name::h, 64 * timers_.t1});
}

void invite_server_transaction::on(timer_fired e, transaction_effects& out) {
  if (e.timer == timer_name::g && state_ == state_type::completed && !reliable_) {
    retransmit_after_ = std::min(2 * retransmit_after_, timers_.t2);
    out.push_back(transmit{last_response_});
    out.push_back(start_timer{timer_name::g, retransmit_after_});
  } else if (e.timer == timer_name::h && state_ == state_type::completed) {
    state_ = state_type::terminated;
    out.push_back(timed_out{});
    out.push_back(sip::terminated{});
  } else if ((e.timer == timer_name::i && state_ == state_type::confirmed)
             || (e.timer == timer_name::l && state_ == state_type::accepted)) {
    state_ = state_type::terminated;
    out.push_back(sip::terminated{});
  }
}

void invite_server_transaction::on(transport_failed, transaction_effects& out) {
  // RFC 6026 7.1: stays where it is; copies of the INVITE must still be absorbed.
  if (state_ != state_type::confirmed) out.push_back(transport_error{});
}

} // namespace holdfast::sip
