// An application whose timer can be seen from outside: it answers a call, and sends one INFO into
// it three seconds after the ACK. For judging that a timer fires once, whoever owns its session by
// then.
#pragma once

#include "protocol/applications/application.hpp"

#include <string>

namespace holdfast::simulations {

struct alarm_clock final : applications::basic_application<alarm_clock> {
  static constexpr duration after_ack{3s};
  applications::dialog_id caller;

  void on_request(applications::context& session,
                  const applications::incoming_request& request) override {
    session.respond(request.id, 200);
  }
  void on_ack(applications::context& session, applications::dialog_id dialog,
              const sip::message&) override {
    if (caller == dialog) return; // of a re-INVITE
    caller = dialog;
    session.set_timer("alarm", after_ack);
  }
  void on_timer(applications::context& session, const std::string&) override {
    session.send_in(caller, "INFO");
  }
};

template <class F>
void describe(F& f, alarm_clock& x) {
  f(1, x.caller);
}

} // namespace holdfast::simulations
