#include "protocol/sip/offer_answer.hpp"

#include "protocol/sip/text.hpp"

namespace holdfast::sip {

namespace {

bool describes_session(const message& m) {
  if (m.body.empty()) return false;
  const auto type = m.header("Content-Type");
  // A multipart body may hold one; whatever it is, it is the only one of its message.
  return !type || text::same(text::trim(type->substr(0, type->find(';'))), "application/sdp")
         || text::same(type->substr(0, 10), "multipart/");
}

bool may_offer(const message& request) {
  return request.is("INVITE") || request.is("UPDATE") || request.is("PRACK");
}

bool takes_part(const message& request) {
  return may_offer(request) || request.is("ACK");
}

} // namespace

// What is said while the other side's offer is open is its answer; otherwise it is an offer.
void offer_answer::offer_or_answer(bool ours) {
  const auto theirs_open = ours ? state_type::they_offered : state_type::we_offered;
  const auto mine_open = ours ? state_type::we_offered : state_type::they_offered;
  if (state_ == theirs_open)
    state_ = state_type::idle;
  else
    state_ = mine_open;
}

void offer_answer::request(const message& m, bool ours) {
  if (m.is("INVITE")) invite_settled_ = false;
  if (takes_part(m) && describes_session(m)) offer_or_answer(ours);
  if (m.is("ACK")) state_ = state_type::idle; // with or without an answer, that was the last chance
}

void offer_answer::response(const message& m, bool reliable, bool ours) {
  const auto about = m.cseq();
  if (!about) return;
  const auto asked = ours ? state_type::they_offered : state_type::we_offered;
  const bool invite = about->method == "INVITE";
  if (!invite && about->method != "UPDATE" && about->method != "PRACK") return;
  if (m.status >= 300) {
    // RFC 6337 2.2: the offer is refused with its request.
    if (state_ == asked) state_ = state_type::idle;
  } else if ((m.status >= 200 || reliable) && describes_session(m)) {
    // An INVITE without an offer gets one in its response; other requests get answers alone.
    if (invite ? !invite_settled_ : state_ == asked) offer_or_answer(ours);
    if (invite) invite_settled_ = true;
  } else if (invite && m.status >= 200 && state_ == asked) {
    state_ = state_type::idle; // a 2xx that forgot the answer: nobody will give it any more
  }
}

void offer_answer::received_request(const message& m) {
  request(m, false);
}
void offer_answer::sent_request(const message& m) {
  request(m, true);
}
void offer_answer::received_response(const message& m, bool reliable) {
  response(m, reliable, false);
}
void offer_answer::sent_response(const message& m, bool reliable) {
  response(m, reliable, true);
}

std::optional<int> offer_answer::judge(const message& request) const {
  if (!may_offer(request) || !describes_session(request)) return std::nullopt;
  if (request.is("PRACK")) return std::nullopt; // RFC 3262 5: it may answer, or offer anew
  if (state_ == state_type::we_offered) return 491;
  if (state_ == state_type::they_offered) return 500;
  return std::nullopt;
}

} // namespace holdfast::sip
