// The back-to-back user agent: a call is two dialogs in one session, and every request of one is
// made anew in the other (design, "What survives means").
//
//   caller                   b2bua                      callee
//     | INVITE -------------->| ask the registrar (or: the target of the rule)
//     |                       | INVITE ---------------->|   new Call-ID, tag and CSeq
//     |<------------- 18x, 200|<---------------- 18x, 200   next contact on failure
//     | ACK ----------------->| ACK ------------------->|
//     |<- BYE, INFO, re-INVITE, ... answered by the other side; a BYE by the b2bua itself
//
// When is the callee's 2xx acknowledged? At once, in the step that commits both dialogs and sends
// the caller its 2xx, if the INVITE had a body: the ACK has nothing to carry then. A late offer
// waits for the caller's ACK, whose body it needs. If the caller's ACK never comes (64*T1), both
// dialogs end by BYE. So there is never half a call.
//
// A forked callee rings in several dialogs, and so does the caller: each of the callee's early
// dialogs has one of its own on the caller's side, and the first 2xx takes its pair. Reliable
// provisionals (RFC 3262) are offered to the callee if the caller has them, numbered anew on the
// caller's side, and acknowledged when the caller acknowledges. What passes, and how, is a table in
// README.md.
//
// Replaces and Join (RFC 3891, 3911) name a dialog of the cluster, wherever it lives: its session
// is asked who is at the other side of its call, and the INVITE goes there with the header
// translated.
//
// Settings:
//   target           "host:port" or a SIP URI to send every call to, instead of registered
//   contacts;
//                    without a user in it, the user of the Request-URI is kept
//   ring_timeout_s   how long a callee may ring; default 180 (RFC 3261 timer C), at most 3600
//   redirect         pass (default) a 3xx back to the caller, or follow its contacts
#pragma once

#include "protocol/applications/application.hpp"
#include "protocol/applications/location.hpp"
#include "protocol/applications/referrals.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::applications {

// A request from outside a dialog on its way: an INVITE until its final response, or a MESSAGE.
struct attempt {
  transaction_id from;        // the caller's request
  dialog_id caller;           // that its answer makes
  sip::message request;       // to be tried at the next contact
  std::uint64_t question = 0; // to the registrar; 0: answered or not needed
  std::vector<contact_location> left;
  transaction_id to;              // the request at the contact being tried; 0: none
  int best = 0;                   // the failure to report when no contact is left
  bool over = false;              // the caller has its answer; what the callee says is to be undone
  std::vector<dialog_id> forks;   // further dialogs with the caller, for a callee that forks
  sip::header_field taken_over;   // Replaces or Join as the callee understands it; empty: none
  std::uint32_t redirections = 0; // contacts that were added by a 3xx
};

template <class F>
void describe(F& f, attempt& x) {
  f(1, x.from);
  f(2, x.caller);
  f(3, x.request);
  f(4, x.question);
  f(5, x.left);
  f(6, x.to);
  f(7, x.best);
  f(8, x.over);
  f(9, x.forks);
  f(10, x.taken_over);
  f(11, x.redirections);
}

// From the session of an INVITE with Replaces or Join to the session whose dialog it names, and
// back.
struct takeover_question {
  std::string call_id;
  std::string to_tag;
  std::string from_tag;
};

template <class F>
void describe(F& f, takeover_question& x) {
  f(1, x.call_id);
  f(2, x.to_tag);
  f(3, x.from_tag);
}

struct takeover_answer {
  bool found = false;
  bool confirmed = false;
  std::string uri;         // the Contact of the other side of that call
  std::string destination; // "host:port", if elsewhere
  std::string reference;   // of its dialog, as it names it
};

template <class F>
void describe(F& f, takeover_answer& x) {
  f(1, x.found);
  f(2, x.confirmed);
  f(3, x.uri);
  f(4, x.destination);
  f(5, x.reference);
}

// The two dialogs of a call; the callee's is 0 until it rings.
struct pair {
  dialog_id caller;
  dialog_id callee;
};

template <class F>
void describe(F& f, pair& x) {
  f(1, x.caller);
  f(2, x.callee);
}

// A request in a dialog that waits for the response of the other side.
struct relay {
  transaction_id from;
  transaction_id to;
  dialog_id asking;
  bool has_body = false;
  std::uint32_t refer_cseq = 0; // of a REFER as it came; 0: it is none
};

template <class F>
void describe(F& f, relay& x) {
  f(1, x.from);
  f(2, x.to);
  f(3, x.asking);
  f(4, x.has_body);
  f(5, x.refer_cseq);
}

struct b2bua final : basic_application<b2bua> {
  std::vector<attempt> attempts;
  std::vector<pair> calls;
  std::vector<relay> relays;
  std::vector<dialog_id> late_offers; // dialogs whose ACK is to be passed on
  referrals transfers;

  static result<void> check(const settings& given);

  void on_request(context& session, const incoming_request& request) override;
  void on_response(context& session, const incoming_response& response) override;
  void on_ack(context& session, dialog_id dialog, const sip::message& ack) override;
  void on_unacknowledged(context& session, dialog_id dialog) override;
  void on_expired(context& session, dialog_id dialog) override;
  std::string on_asked(context& session, const std::string& bytes) override;
  void on_cancel(context& session, transaction_id invite) override;
  void on_timer(context& session, const std::string& name) override;
  void on_answered(context& session, const session::answered& reply) override;

private:
  void begin(context& session, const incoming_request& request);
  bool begin_takeover(context& session, attempt& a);
  void takeover_found(context& session, attempt& a, const session::answered& reply);
  void ringing(context& session, attempt& a, const incoming_response& response);
  dialog_id caller_side(context& session, attempt& a, dialog_id callee);
  void forget_pairs(const attempt& a);
  bool follow(attempt& a, const sip::message& redirection) const;
  void try_next(context& session, attempt& a);
  void attempt_answered(context& session, attempt& a, const incoming_response& response);
  void attempt_succeeded(context& session, attempt& a, const incoming_response& response);
  void give_up(context& session, attempt& a, int status, content carried = {});
  void in_dialog(context& session, const incoming_request& request);
  void relay_answered(context& session, const relay& r, const incoming_response& response);
  void settle(context& session, dialog_id asking, dialog_id answering, bool has_body);
  void hang_up(context& session, dialog_id dialog);
  [[nodiscard]] dialog_id other_side(dialog_id dialog) const;
};

template <class F>
void describe(F& f, b2bua& x) {
  f(1, x.attempts);
  f(2, x.calls);
  f(3, x.relays);
  f(4, x.late_offers);
  f(5, x.transfers);
}

} // namespace holdfast::applications
