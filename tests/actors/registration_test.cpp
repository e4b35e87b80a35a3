#include "clusters.hpp"
#include "phone.hpp"

using namespace clusters;
using phones::phone;

namespace {

const endpoint alice_at{"192.0.2.10", 5060};
const endpoint bob_at{"192.0.2.20", 5060};

} // namespace

TEST_CASE("registrar: a binding rings after its container has died, and not after it has expired") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    simulation run{{.seed = seed}};
    form(run);
    phone alice{run, alice_at, "alice"};
    phone bob{run, bob_at, "bob"};
    const auto enrolled = bob.enroll(20);
    run.run_for(1s);
    REQUIRE(bob.status(enrolled) == 200);
    const auto owner = container_with_sessions(run);
    REQUIRE_FALSE(owner.empty());

    run.crash(owner);
    run.run_for(3s);
    const auto before = alice.invite("sip:bob@example.com");
    run.run_for(2s);
    CHECK(alice.status(before) == 200);
    CHECK(bob.in_call());
    const auto bye = alice.in_dialog("BYE");
    run.run_for(1s);
    CHECK(alice.status(bye) == 200);
    CHECK(bob.seen("BYE") == 1);
    CHECK_FALSE(bob.in_call());

    run.run_for(20s);
    const auto after = alice.invite("sip:bob@example.com");
    run.run_for(2s);
    CHECK(alice.status(after) == 480);
    CHECK(bob.seen("INVITE") == 1);
    CHECK(run.fail_stops().empty());
  }
}

TEST_CASE("b2bua: both sides of a call outlive the container that connects them") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    simulation run{{.seed = seed}};
    form(run);
    phone alice{run, alice_at, "alice"};
    phone bob{run, bob_at, "bob"};
    const auto enrolled = bob.enroll(600);
    run.run_for(1s);
    REQUIRE(bob.status(enrolled) == 200);
    const auto invite = alice.invite("sip:bob@example.com");
    run.run_for(2s);
    REQUIRE(alice.status(invite) == 200);
    REQUIRE(bob.in_call());

    const auto owner = run.owner_of(alice.remote_token());
    run.crash(owner);
    const auto info = alice.in_dialog("INFO");
    run.run_for(4s);
    CHECK(run.owner_of(alice.remote_token()) == survivor_of(owner));
    CHECK(alice.status(info) == 200);
    CHECK(bob.seen("INFO") == 1);
    const auto bye = alice.in_dialog("BYE");
    run.run_for(2s);
    CHECK(alice.status(bye) == 200);
    CHECK(bob.seen("BYE") == 1);
    CHECK(run.fail_stops().empty());
  }
}
