// The proxy of RFC 3261 section 16: it forwards, and is no party to the call. What it needs to find
// itself again in a dialog stands in its Record-Route URI (design, section 3).
//
//   request --validate, own routes, identity--> target set --branches--> best response back
//                                               contacts by q; the rule's target; the next route;
//                                               the Request-URI of a request that was routed here
//
// Responses: a 2xx goes back at once and ends the other branches by CANCEL, a 6xx ends them and is
// the answer, of the rest the best one is (16.7). The session lives until the BYE of every dialog
// that it record-routed, at most dialog_max_s after the last request in it.
//
// Settings:
//   target        "host:port" or a SIP URI for every request that carries no route
//   fork          parallel (default): contacts of equal q at once; sequential: one at a time
//   redirect      pass (default) a 3xx back, or follow its contacts
//   foreign       refuse (default) or forward requests for domains that are not ours
//   record_route  yes (default) or no
//   timer_c_s     how long a branch may ring without news; 181 to 3600, default 181
//   dialog_max_s  how long a dialog without any request is remembered; default 43200
#pragma once

#include "protocol/applications/application.hpp"
#include "protocol/applications/location.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::applications {

struct proxy_branch {
  transaction_id id;
  bool over = false;    // it has a final response
  bool trusted = false; // its target is inside the trust domain (RFC 3325)
  std::string flow{};   // over which it went, whatever the Request-URI says; empty: by that
};

template <class F>
void describe(F& f, proxy_branch& x) {
  f(1, x.id);
  f(2, x.over);
  f(3, x.trusted);
  f(4, x.flow);
}

// An end of a dialog that is reached over a flow, whatever its Contact says (RFC 5626 5.3).
struct proxy_party {
  std::string tag;
  std::string flow;
};

template <class F>
void describe(F& f, proxy_party& x) {
  f(1, x.tag);
  f(2, x.flow);
}

// RFC 3261 16.2: from the request to the final response that goes back.
struct response_context {
  transaction_id from;
  sip::message request;                // as it is forwarded, but for its target
  std::uint64_t question = 0;          // to the registrar; 0: answered or not needed
  std::vector<contact_location> left;  // targets not yet tried, best first
  std::vector<contact_location> tried; // by URI, so that a redirect cannot go in circles
  std::vector<proxy_branch> branches;
  std::optional<sip::message> best;          // final response so far, with our Via on top
  std::vector<sip::header_field> challenges; // of all 401 and 407 (16.7 step 7)
  std::uint32_t breadth = 0;                 // RFC 5393: branches this request may still become
  bool cancelled = false;                    // by the caller
  bool succeeded = false;                    // a 2xx went back
  bool decided = false;                      // by a 6xx
  bool record_route = false;                 // its targets get our Record-Route
  transport over = transport::udp;           // that it came on
  std::string flow;                          // over which its sender is reached; empty: by Contact
};

template <class F>
void describe(F& f, response_context& x) {
  f(1, x.from);
  f(2, x.request);
  f(3, x.question);
  f(4, x.left);
  f(5, x.tried);
  f(6, x.branches);
  f(7, x.best);
  f(8, x.challenges);
  f(9, x.breadth);
  f(10, x.cancelled);
  f(11, x.succeeded);
  f(12, x.decided);
  f(13, x.record_route);
  f(14, x.over);
  f(15, x.flow);
}

struct proxy final : basic_application<proxy> {
  std::vector<response_context> contexts;
  std::vector<std::string> dialogs; // To-tag of every 2xx whose dialog stands
  std::vector<proxy_party> parties; // of those dialogs
  std::vector<std::string> ended;   // of these tags, while copies of their 2xx may come

  static result<void> check(const settings& given);

  [[nodiscard]] bool proxies() const override { return true; }
  void on_request(context& session, const incoming_request& request) override;
  void on_response(context& session, const incoming_response& response) override;
  void on_ack(context& session, dialog_id dialog, const sip::message& ack) override;
  void on_cancel(context& session, transaction_id invite) override;
  void on_timer(context& session, const std::string& name) override;
  void on_answered(context& session, const session::answered& reply) override;

private:
  void find_targets(context& session, response_context c, bool in_dialog);
  void try_next(context& session, response_context& c);
  bool open_branch(context& session, response_context& c, const contact_location& at,
                   std::uint32_t breadth);
  void final_response(context& session, response_context& c, sip::message response);
  void follow(response_context& c, const sip::message& redirection) const;
  void finish(context& session, response_context& c);
  void answer(context& session, response_context& c, int status, const content& carried = {});
  void cancel_branches(context& session, response_context& c);
  void note_dialog(context& session, const sip::message& success, const std::string& method);
  void end_dialog(context& session, const sip::message& bye_response);
  void note_sender(const incoming_request& request, const std::string& flow);
  void note_party(std::string_view tag, const std::string& flow);
  [[nodiscard]] std::string flow_to(const sip::message& in_dialog) const;
  void forget(transaction_id from);
};

template <class F>
void describe(F& f, proxy& x) {
  f(1, x.contexts);
  f(2, x.dialogs);
  f(3, x.parties);
  f(4, x.ended);
}

} // namespace holdfast::applications
