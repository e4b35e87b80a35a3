// What the tests of several nodes have in common: a cluster that has formed, and an application
// whose timer can be seen from outside.
#pragma once

#include "simulations/simulation.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>

namespace clusters {

using namespace holdfast;
using simulations::simulation;
using simulations::simulation_options;

// Answers a call, and `after_ack` later sends one INFO into it. Anything else it answers with 200.
struct alarm_clock final : applications::basic_application<alarm_clock> {
  static constexpr duration after_ack{3s};
  applications::dialog_id caller;

  void on_request(applications::context& session,
                  const applications::incoming_request& request) override {
    session.respond(request.id, 200);
  }
  void on_ack(applications::context& session, applications::dialog_id dialog,
              const sip::message&) override {
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

inline simulation_options with_alarm_clock(std::uint64_t seed) {
  simulation_options o;
  o.seed = seed;
  o.applications["alarm_clock"] = applications::type_of<alarm_clock>(
      [](const applications::settings&) { return result<void>{}; });
  o.rules.insert(o.rules.begin(), {.application = "alarm_clock",
                                   .methods = {},
                                   .domains = {},
                                   .users = {"alarm"},
                                   .settings = {{"drill_header", "X-Drill"}}});
  return o;
}

inline void form(simulation& run) {
  REQUIRE(run.run_until([&] { return run.ready(); }, 20s));
}

// The first by shard; empty: there is no session.
inline std::string container_with_sessions(simulation& run) {
  for (const auto& s : run.shards())
    if (s.sessions > 0) return s.owner.name;
  return {};
}

inline std::string survivor_of(const std::string& container) {
  return container == "container-1" ? "container-2" : "container-1";
}

} // namespace clusters
