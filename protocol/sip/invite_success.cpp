#include "protocol/sip/invite_success.hpp"

#include "protocol/sip/writer.hpp"

#include <algorithm>

namespace holdfast::sip {

two_hundred_retransmitter::two_hundred_retransmitter(const message& response, timer_values timers)
    : response_{to_bytes(response)}, timers_{timers}, active_{true} {
  if (const auto number = response.cseq()) cseq_number_ = number->number;
}

transaction_effects
two_hundred_retransmitter::on(const std::variant<start, from_network, timer_fired>& what, instant) {
  transaction_effects out;
  if (!active_) return out;
  if (std::holds_alternative<start>(what)) {
    retransmit_after_ = timers_.t1;
    out.push_back(transmit{response_});
    out.push_back(start_timer{timer_name::g, timers_.t1});
    out.push_back(start_timer{timer_name::h, 64 * timers_.t1});
  } else if (const auto* in = std::get_if<from_network>(&what)) {
    const auto number = in->received.cseq();
    if (!in->received.is("ACK") || !number || number->number != cseq_number_) return out;
    active_ = false;
    out.push_back(stop_timer{timer_name::g});
    out.push_back(stop_timer{timer_name::h});
    out.push_back(terminated{});
  } else if (std::get<timer_fired>(what).timer == timer_name::g) {
    retransmit_after_ = std::min(2 * retransmit_after_, timers_.t2);
    out.push_back(transmit{response_});
    out.push_back(start_timer{timer_name::g, retransmit_after_});
  } else if (std::get<timer_fired>(what).timer == timer_name::h) {
    active_ = false;
    out.push_back(timed_out{});
    out.push_back(terminated{});
  }
  return out;
}

ack_repeater::ack_repeater(const message& ack, timer_values timers)
    : ack_{ack}, timers_{timers}, active_{true} {}

transaction_effects ack_repeater::on(const std::variant<start, from_network, timer_fired>& what,
                                     instant) {
  transaction_effects out;
  if (!active_) return out;
  if (std::holds_alternative<start>(what)) {
    out.push_back(transmit{to_bytes(ack_)});
    out.push_back(start_timer{timer_name::m, 64 * timers_.t1});
  } else if (const auto* in = std::get_if<from_network>(&what)) {
    if (matches(in->received)) out.push_back(transmit{to_bytes(ack_)});
  } else if (std::get<timer_fired>(what).timer == timer_name::m) {
    active_ = false;
    out.push_back(terminated{});
  }
  return out;
}

bool ack_repeater::matches(const message& response) const {
  const auto theirs = response.cseq();
  const auto ours = ack_.cseq();
  return response.status >= 200 && response.status < 300 && theirs && ours
         && theirs->method == "INVITE" && theirs->number == ours->number
         && response.call_id() == ack_.call_id() && response.from_tag() == ack_.from_tag()
         && response.to_tag() == ack_.to_tag();
}

} // namespace holdfast::sip
