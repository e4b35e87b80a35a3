#include "clusters.hpp"
#include "phone.hpp"

using namespace clusters;
using phones::phone;

namespace {

const endpoint alice_at{"192.0.2.10", 5060};
const endpoint bob_at{"192.0.2.20", 5060};

} // namespace

TEST_CASE("supervision: an exception restarts the one session that threw, from its last commit") {
  simulation run{with_alarm_clock(4)};
  form(run);
  phone alice{run, alice_at, "alice"};
  phone bob{run, bob_at, "bob"};
  const auto first = alice.invite("sip:alarm@example.com");
  const auto second = bob.invite("sip:alarm@example.com");
  run.run_for(1s);
  REQUIRE(alice.status(first) == 200);
  REQUIRE(bob.status(second) == 200);

  const auto poisoned = alice.in_dialog("INFO", {.headers = {{"X-Drill", "throw-until:1"}}});
  run.run_for(1s);
  CHECK(alice.status(poisoned) == 200); // its input was repeated after the restart
  run.run_for(4s);
  CHECK(alice.seen("INFO") == 1); // the alarm outlived the restart
  CHECK(bob.seen("INFO") == 1);
  CHECK(run.alive("container-1"));
  CHECK(run.alive("container-2"));
  CHECK(run.fail_stops().empty());
}

TEST_CASE("supervision: a call that keeps failing is ended alone, after a failover too") {
  simulation run{with_alarm_clock(5)};
  form(run);
  phone alice{run, alice_at, "alice"};
  phone bob{run, bob_at, "bob"};
  const auto first = alice.invite("sip:alarm@example.com");
  const auto second = bob.invite("sip:alarm@example.com");
  run.run_for(1s);
  REQUIRE(alice.status(first) == 200);
  REQUIRE(bob.status(second) == 200);

  const auto poisoned = alice.in_dialog("INFO", {.headers = {{"X-Drill", "throw"}}});
  run.run_for(5s);
  CHECK(alice.status(poisoned) == 500);
  CHECK(alice.seen("BYE") == 1);
  CHECK(bob.seen("INFO") == 1);
  CHECK(bob.seen("BYE") == 0);
  const auto bye = bob.in_dialog("BYE");
  run.run_for(1s);
  CHECK(bob.status(bye) == 200);
  CHECK(run.fail_stops().empty());
}
