// The 2xx to an INVITE and its ACK are end to end: the transactions leave their repetition to their
// users, and these two small machines are it. They speak the transactions' events and effects.
#pragma once

#include "protocol/sip/transaction.hpp"

namespace holdfast::sip {

// UAS, RFC 3261 13.3.1.4: repeats the 2xx (timer_name::g: T1, doubling to T2, on any transport)
// until the ACK or 64*T1 (timer_name::h).
//   start                     -> transmit, start_timer g, start_timer h
//   from_network{ACK}         -> stop_timer g, stop_timer h, terminated
//   timer_fired{h}            -> timed_out, terminated: its user sends the BYE
class two_hundred_retransmitter {
public:
  two_hundred_retransmitter() = default; // for decode<>
  explicit two_hundred_retransmitter(const message& response, timer_values timers = {});

  [[nodiscard]] transaction_effects on(const std::variant<start, from_network, timer_fired>& what,
                                       instant now);

  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] std::uint32_t cseq_number() const { return cseq_number_; } // of the INVITE

  friend bool operator==(const two_hundred_retransmitter&,
                         const two_hundred_retransmitter&) = default;

  template <class F>
  friend void describe(F& f, two_hundred_retransmitter& x) {
    f(1, x.response_);
    f(2, x.timers_);
    f(3, x.retransmit_after_);
    f(4, x.active_);
    f(5, x.cseq_number_);
  }

private:
  std::string response_; // bytes
  timer_values timers_;
  duration retransmit_after_{};
  std::uint32_t cseq_number_ = 0;
  bool active_ = false;
};

// UAC, RFC 3261 13.2.2.4: answers every repeated 2xx with the same ACK for 64*T1 (timer_name::m).
//   start                     -> transmit, start_timer m
//   from_network{2xx}         -> transmit
//   timer_fired{m}            -> terminated
class ack_repeater {
public:
  ack_repeater() = default; // for decode<>
  explicit ack_repeater(const message& ack, timer_values timers = {});

  [[nodiscard]] transaction_effects on(const std::variant<start, from_network, timer_fired>& what,
                                       instant now);

  // Is this 2xx one that the ACK is for (Call-ID, both tags, CSeq number)?
  [[nodiscard]] bool matches(const message& response) const;
  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] const message& ack() const { return ack_; }

  friend bool operator==(const ack_repeater&, const ack_repeater&) = default;

  template <class F>
  friend void describe(F& f, ack_repeater& x) {
    f(1, x.ack_);
    f(2, x.timers_);
    f(3, x.active_);
  }

private:
  message ack_;
  timer_values timers_;
  bool active_ = false;
};

} // namespace holdfast::sip
