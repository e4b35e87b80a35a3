// Whose turn it is in the exchange of session descriptions within one dialog (RFC 3264 4, RFC 3261
// 13.2.1, RFC 3262 5, RFC 3311 5): one offer at a time, in either direction.
#pragma once

#include "protocol/sip/message.hpp"

#include <cstdint>
#include <optional>

namespace holdfast::sip {

class offer_answer {
public:
  enum class state_type : std::uint8_t { idle, we_offered, they_offered };

  // A request that may carry an offer or an answer (INVITE, UPDATE, PRACK, ACK) has come or gone.
  void received_request(const message& request);
  void sent_request(const message& request);

  // A response to one of those. `reliable`: a 18x that is acknowledged; others carry previews only.
  void received_response(const message& response, bool reliable);
  void sent_response(const message& response, bool reliable);

  // May this request come in now? nullopt: yes; 491: it crosses an offer of ours; 500: we still owe
  // an answer to theirs (RFC 3311 5.2).
  [[nodiscard]] std::optional<int> judge(const message& request) const;

  [[nodiscard]] state_type state() const { return state_; }

  friend bool operator==(const offer_answer&, const offer_answer&) = default;

  template <class F>
  friend void describe(F& f, offer_answer& x) {
    f(1, x.state_);
    f(2, x.invite_settled_);
  }

private:
  void offer_or_answer(bool ours);
  void request(const message& m, bool ours);
  void response(const message& m, bool reliable, bool ours);

  state_type state_ = state_type::idle;
  bool invite_settled_ = false; // later responses to that INVITE repeat what was said
};

} // namespace holdfast::sip
