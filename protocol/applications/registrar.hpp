// The registrar of one address of record: all of its bindings live in one session (RFC 3261 10.3;
// design, "Location"). A binding ends by a timer of the session, which a failover takes along.
//
//   REGISTER --> bindings, one expiry timer each           another session: "locate" --> contacts
//
// Settings, in seconds:
//   minimum_expires   a shorter wish is answered 423; default 10, about what
//                     a client behind a tight NAT needs; raise it where registrations are load
//   default_expires   where the request says nothing; default 3600
//   maximum_expires   a longer wish is granted this much; default 7200
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
  std::string source;      // "host:port" of the REGISTER
  std::uint64_t timer = 0; // its expiry timer is "binding <timer>"
};

template <class F>
void describe(F& f, binding& x) {
  f(1, x.contact);
  f(2, x.call_id);
  f(3, x.cseq);
  f(4, x.q_milli);
  f(5, x.source);
  f(6, x.timer);
}

struct registrar final : basic_application<registrar> {
  std::vector<binding> bindings;
  std::uint64_t last_timer = 0;

  static result<void> check(const settings& given);

  void on_request(context& session, const incoming_request& request) override;
  void on_timer(context& session, const std::string& name) override;
  std::string on_asked(context& session, const std::string& bytes) override;
};

template <class F>
void describe(F& f, registrar& x) {
  f(1, x.bindings);
  f(2, x.last_timer);
}

} // namespace holdfast::applications
