#include "clusters.hpp"
#include "phone.hpp"

using namespace clusters;
using phones::phone;

namespace {

const endpoint alice_at{"192.0.2.10", 5060};

} // namespace

TEST_CASE("coordinator: calls go on while it is gone, and it comes back without moving anything") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    simulation run{with_alarm_clock(seed)};
    form(run);
    phone alice{run, alice_at, "alice"};
    const auto first = alice.invite("sip:alarm@example.com");
    run.run_for(1s);
    REQUIRE(alice.status(first) == 200);
    const auto before = run.shards();

    run.crash("coordinator-1");
    const auto info = alice.in_dialog("INFO");
    run.run_for(1s);
    CHECK(alice.status(info) == 200);
    run.restart("coordinator-1");
    REQUIRE(run.run_until([&] { return run.ready(); }, 10s));
    run.run_for(5s);
    const auto after = run.shards();
    REQUIRE(after.size() == before.size());
    for (std::size_t i = 0; i < after.size(); ++i) {
      CHECK(after[i].owner == before[i].owner);
      CHECK(after[i].epoch == before[i].epoch);
    }
    CHECK(alice.seen("INFO") == 1);

    // And it does its work again.
    const auto owner = run.owner_of(alice.remote_token());
    run.crash(owner);
    run.run_for(1s);
    const auto bye = alice.in_dialog("BYE");
    run.run_for(2s);
    CHECK(alice.status(bye) == 200);
    CHECK(run.fail_stops().empty());
  }
}

TEST_CASE("coordinator: a container that dies while it is gone is made up for when it is back") {
  simulation run{with_alarm_clock(2)};
  form(run);
  phone alice{run, alice_at, "alice"};
  const auto first = alice.invite("sip:alarm@example.com");
  run.run_for(1s);
  REQUIRE(alice.status(first) == 200);
  const auto owner = run.owner_of(alice.remote_token());

  run.crash("coordinator-1");
  run.crash(owner);
  run.run_for(300ms);
  run.restart("coordinator-1");
  run.run_for(10s);
  CHECK(run.owner_of(alice.remote_token()) == survivor_of(owner));
  CHECK(alice.seen("INFO") == 1);
  const auto bye = alice.in_dialog("BYE");
  run.run_for(2s);
  CHECK(alice.status(bye) == 200);
}
