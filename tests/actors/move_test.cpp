// Shards that move while nothing is wrong: nobody outside may notice.
#include "clusters.hpp"
#include "phone.hpp"


using namespace clusters;
using phones::phone;

namespace {

const endpoint alice_at{"192.0.2.10", 5060};
const endpoint bob_at{"192.0.2.20", 5060};

std::size_t owned_by(simulation& run, const std::string& name) {
  std::size_t count = 0;
  for (const auto& s : run.shards()) count += s.owner.name == name ? 1u : 0u;
  return count;
}

simulation_options three_containers(std::uint64_t seed) {
  auto options = with_alarm_clock(seed);
  options.containers = 3;
  return options;
}

} // namespace

TEST_CASE("drain: a call goes on elsewhere, its timer fires once, nothing comes twice") {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    CAPTURE(seed);
    simulation run{three_containers(seed)};
    form(run);
    phone alice{run, alice_at, "alice"};
    const auto invite = alice.invite("sip:alarm@example.com");
    run.run_for(1s);
    REQUIRE(alice.status(invite) == 200);
    const auto owner = run.owner_of(alice.remote_token());
    REQUIRE(run.operate(cluster::control::operator_verb::drain, owner));
    REQUIRE(run.run_until([&] { return run.owner_of(alice.remote_token()) != owner; }, 10s));
    const auto info = alice.in_dialog("INFO");                              // as the shard arrives
    REQUIRE(run.run_until([&] { return alice.status(info) != 0; }, 400ms)); // before a repetition
    CHECK(alice.status(info) == 200);
    REQUIRE(run.run_until([&] { return owned_by(run, owner) == 0; }, 20s));
    run.run_for(4s);
    CHECK(alice.seen("INFO") == 1);
    const auto bye = alice.in_dialog("BYE");
    run.run_for(34s);
    CHECK(alice.status(bye) == 200);
    CHECK(alice.seen("INFO") == 1);
    CHECK(alice.consistent());
    CHECK(run.fail_stops().empty());
  }
}

TEST_CASE("drain: a call that still rings moves along, although nothing of it was committed") {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    CAPTURE(seed);
    simulation run{three_containers(seed)};
    form(run);
    phone bob{run, bob_at, "bob"};
    bob.rings_for(6s);
    bob.enroll(600);
    run.run_for(1s);
    phone alice{run, alice_at, "alice"};
    const auto invite = alice.invite("sip:bob@example.com");
    REQUIRE(run.run_until([&] { return alice.rings(invite); }, 2s));
    const auto owner = run.owner_of(bob.remote_token());
    REQUIRE_FALSE(owner.empty());
    REQUIRE(run.operate(cluster::control::operator_verb::drain, owner));
    REQUIRE(run.run_until([&] { return owned_by(run, owner) == 0; }, 4s));
    CHECK(alice.status(invite) == 0);
    run.run_for(6s);
    CHECK(alice.status(invite) == 200);
    CHECK(bob.in_call());
    CHECK(bob.seen("INVITE") == 1);
    const auto bye = alice.in_dialog("BYE");
    run.run_for(2s);
    CHECK(alice.status(bye) == 200);
    CHECK_FALSE(bob.in_call());
    CHECK(run.fail_stops().empty());
  }
}

TEST_CASE("move: what the old owner said before it knew is not waited for") {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    CAPTURE(seed);
    simulation run{three_containers(seed)};
    form(run);
    phone alice{run, alice_at, "alice"};
    const auto invite = alice.invite("sip:alarm@example.com");
    run.run_for(1s);
    REQUIRE(alice.status(invite) == 200);
    const auto shard = run.address_of(alice.remote_token()).value().shard;
    const auto owner = run.owner_of(alice.remote_token());
    const auto heir = run.view().shard(shard)->replicas.at(0).node.name;

    run.cut_one_way("coordinator-1", owner); // the proxy hears of it, the owner does not
    REQUIRE(run.operate(cluster::control::operator_verb::move, heir, shard));
    const auto asked = ask_until_served_by(run, alice, heir);
    CHECK(run.owner_of(alice.remote_token()) == heir);
    run.run_for(20ms);
    run.heal("coordinator-1", owner);
    run.run_for(400ms);
    CHECK(unanswered(alice, asked) == 0);
    CHECK(run.fail_stops().empty());
  }
}

TEST_CASE("move: a target that dies midway changes nothing") {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    CAPTURE(seed);
    simulation run{three_containers(seed)};
    form(run);
    phone alice{run, alice_at, "alice"};
    const auto invite = alice.invite("sip:alarm@example.com");
    run.run_for(1s);
    REQUIRE(alice.status(invite) == 200);
    const auto owner = run.owner_of(alice.remote_token());
    const auto target = survivor_of(owner);
    REQUIRE(run.operate(cluster::control::operator_verb::drain, owner));
    run.run_for(duration{std::chrono::milliseconds{run.random() % 400}});
    run.crash(target);
    run.run_for(5s);
    CHECK(alice.seen("INFO") == 1);
    const auto bye = alice.in_dialog("BYE");
    run.run_for(3s);
    CHECK(alice.status(bye) == 200);
    CHECK(alice.consistent());
    CHECK(run.view().sessions_lost == 0);
  }
}
