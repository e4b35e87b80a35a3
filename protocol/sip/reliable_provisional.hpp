// Reliable provisional responses (RFC 3262): the UAS repeats a 18x until its PRACK, the UAC tells a
// new one from a copy. It speaks the transactions' events and effects, as invite_success does.
#pragma once

#include "protocol/sip/transaction.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::sip {

struct rack {
  std::uint32_t rseq = 0;
  std::uint32_t cseq = 0;
  std::string method;

  friend bool operator==(const rack&, const rack&) = default;
};

[[nodiscard]] std::string to_string(const rack& r); // "1 2 INVITE"
[[nodiscard]] std::optional<rack> rack_of(const message& prack);
[[nodiscard]] std::optional<std::uint32_t> rseq_of(const message& response);

// Does this header ("Supported", "Require") name the extension?
[[nodiscard]] bool names_option(const message& m, std::string_view header, std::string_view option);

// UAS, RFC 3262 3: timer_name::g from T1, doubling; timer_name::h ends it after 64*T1.
//   start                -> transmit, start_timer g, start_timer h
//   from_network{PRACK}  -> stop_timer g, stop_timer h, terminated
//   timer_fired{h}       -> timed_out, terminated: its user rejects the INVITE
class reliable_provisional {
public:
  reliable_provisional() = default; // for decode<>
  // `response` carries its RSeq.
  explicit reliable_provisional(const message& response, timer_values timers = {});

  [[nodiscard]] transaction_effects on(const std::variant<start, from_network, timer_fired>& what,
                                       instant now);

  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] bool matches(const message& prack) const;

  template <class F>
  friend void describe(F& f, reliable_provisional& x) {
    f(1, x.response_);
    f(2, x.timers_);
    f(3, x.retransmit_after_);
    f(4, x.active_);
    f(5, x.rseq_);
    f(6, x.cseq_);
  }

private:
  std::string response_; // bytes
  timer_values timers_;
  duration retransmit_after_{};
  std::uint32_t rseq_ = 0;
  std::uint32_t cseq_ = 0;
  bool active_ = false;
};

} // namespace holdfast::sip
