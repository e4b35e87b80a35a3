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
// Settings:
//   target           "host:port" or a SIP URI to send every call to, instead of registered
//   contacts;
//                    without a user in it, the user of the Request-URI is kept
//   ring_timeout_s   how long a callee may ring; default 180 (RFC 3261 timer C), at most 3600
#pragma once

#include "protocol/applications/application.hpp"
#include "protocol/applications/location.hpp"

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
  transaction_id to; // the request at the contact being tried; 0: none
  int best = 0;      // the failure to report when no contact is left
  bool over = false; // the caller has its answer; what the callee says is to be undone
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
};

template <class F>
void describe(F& f, relay& x) {
  f(1, x.from);
  f(2, x.to);
  f(3, x.asking);
  f(4, x.has_body);
}

struct b2bua final : basic_application<b2bua> {
  std::vector<attempt> attempts;
  std::vector<pair> calls;
  std::vector<relay> relays;
  std::vector<dialog_id> late_offers; // dialogs whose ACK is to be passed on

  static result<void> check(const settings& given);

  void on_request(context& session, const incoming_request& request) override;
  void on_response(context& session, const incoming_response& response) override;
  void on_ack(context& session, dialog_id dialog, const sip::message& ack) override;
  void on_unacknowledged(context& session, dialog_id dialog) override;
  void on_cancel(context& session, transaction_id invite) override;
  void on_timer(context& session, const std::string& name) override;
  void on_answered(context& session, const session::answered& reply) override;

private:
  void begin(context& session, const incoming_request& request);
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
}

} // namespace holdfast::applications
