// The registrar of one address of record: all of its bindings live in one session (RFC 3261 10.3;
// design, "Location"). A binding ends by a timer of the session, which a failover takes along.
//
//   REGISTER --> bindings, one expiry timer each           another session: "locate" --> contacts
//   SUBSCRIBE, Event: reg (RFC 3680) --> a NOTIFY now and for every change
//
// A user agent that names its instance and reg-id (RFC 5626) replaces its binding when its address
// changes, and can be reached alone through its public GRUU or, where it hides who it is, a
// temporary one (RFC 5627). Path (RFC 3327) is kept with the binding and goes into the Route of
// requests to it. Contacts of other schemes ("mailto:") are kept and listed; calls do not go there.
//
// Settings, in seconds:
//   minimum_expires   a shorter wish is answered 423; default 10, about what
//                     a client behind a tight NAT needs; raise it where registrations are load
//   default_expires   where the request says nothing; default 3600
//   maximum_expires   a longer wish is granted this much; default 7200
//   service_route     Service-Route of every 200 (RFC 3608), as in "<sip:10.0.0.1;lr>"; default
//   none
#pragma once

#include "protocol/applications/application.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::applications {

struct binding {
  std::string contact; // text of the URI, as it goes into a Request-URI
  std::string call_id;
  std::uint32_t cseq = 0;
  std::uint32_t q_milli = 1000;
  std::string source;       // text of the flow of the REGISTER
  std::uint64_t timer = 0;  // its expiry timer is "binding <timer>"
  std::string instance;     // RFC 5626: a URN without <>; empty: it named none
  std::uint32_t reg_id = 0; // RFC 5626: of the flow; 0: none
  std::vector<std::string> path;
  std::uint32_t era = 0; // counts Call-IDs: temporary GRUUs of one end with it (RFC 5627 3.1.2)
};

template <class F>
void describe(F& f, binding& x) {
  f(1, x.contact);
  f(2, x.call_id);
  f(3, x.cseq);
  f(4, x.q_milli);
  f(5, x.source);
  f(6, x.timer);
  f(7, x.instance);
  f(8, x.reg_id);
  f(9, x.path);
  f(10, x.era);
}

// Somebody who wants to know about the bindings (RFC 6665). It lasts as long as its timer,
// "subscription <dialog>", is renewed.
struct watcher {
  dialog_id dialog;
  std::uint32_t version = 0; // of the next document
};

template <class F>
void describe(F& f, watcher& x) {
  f(1, x.dialog);
  f(2, x.version);
}

struct registrar final : basic_application<registrar> {
  std::vector<binding> bindings;
  std::uint64_t last_timer = 0;
  std::vector<watcher> watchers;
  std::string aor; // as in To of the first request

  static result<void> check(const settings& given);

  void on_request(context& session, const incoming_request& request) override;
  void on_response(context& session, const incoming_response& response) override;
  void on_timer(context& session, const std::string& name) override;
  std::string on_asked(context& session, const std::string& bytes) override;

private:
  void on_register(context& session, const incoming_request& request);
  void on_subscribe(context& session, const incoming_request& request);
  void notify(context& session, watcher& w, const std::string& state);
  void notify_all(context& session);
};

template <class F>
void describe(F& f, registrar& x) {
  f(1, x.bindings);
  f(2, x.last_timer);
  f(3, x.watchers);
  f(4, x.aor);
}

} // namespace holdfast::applications
