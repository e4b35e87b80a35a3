// Class `transaction` in a whole cluster: a container dies at any moment of a call's beginning, and
// neither end notices (design, "Commit before output", "Shards, sessions, routing").
#include "clusters.hpp"
#include "phone.hpp"

using namespace clusters;
using phones::phone;

namespace {

const endpoint alice_at{"192.0.2.10", 5060};
const endpoint bob_at{"192.0.2.20", 5060};

simulation_options kept_as(applications::durability as, std::uint64_t seed) {
  simulation_options o;
  o.seed = seed;
  o.containers = 3;
  for (auto& rule : o.rules) rule.kept = as;
  return o;
}

// The container of the call if it can be known by now, else any.
std::string victim(simulation& run, const phone& bob) {
  const auto owner = run.owner_of(bob.remote_token());
  return owner.empty() ? "container-" + std::to_string(1 + run.random() % 3) : owner;
}

struct ringing {
  explicit ringing(std::uint64_t seed)
      : run{kept_as(applications::durability::transaction, seed)},
        bob{run, bob_at, "bob"},
        alice{run, alice_at, "alice"} {
    form(run);
    bob.rings_for(600ms);
    bob.enroll(600);
    run.run_for(1s);
  }
  void somebody_dies_within(std::uint64_t milliseconds) {
    run.run_for(duration{std::chrono::milliseconds{run.random() % milliseconds}});
    run.crash(victim(run, bob));
  }

  simulation run;
  phone bob;
  phone alice;
};

} // namespace

TEST_CASE("transaction: whenever the container dies, one INVITE makes one call that is answered") {
  for (std::uint64_t seed = 15; seed <= 19; ++seed) {
    CAPTURE(seed);
    ringing r{seed};
    const auto invite = r.alice.invite("sip:bob@example.com");
    r.somebody_dies_within(900);
    r.run.run_for(6s);
    for (const auto status : r.alice.statuses(invite)) CHECK(status == 200);
    CHECK(r.alice.statuses(invite) == std::set<int>{200});
    CHECK(r.bob.seen("INVITE") == 1);
    CHECK(r.bob.in_call());
    const auto bye = r.alice.in_dialog("BYE");
    r.run.run_for(3s);
    CHECK(r.alice.status(bye) == 200);
    CHECK_FALSE(r.bob.in_call());
    CHECK(r.run.view().sessions_lost == 0);
    CHECK(r.run.fail_stops().empty());
  }
}

TEST_CASE("transaction: a CANCEL that meets the death of the container leaves no half of a call") {
  for (std::uint64_t seed = 15; seed <= 19; ++seed) {
    CAPTURE(seed);
    ringing r{seed};
    const auto invite = r.alice.invite("sip:bob@example.com");
    r.run.run_for(duration{std::chrono::milliseconds{300 + r.run.random() % 400}});
    const auto cancel = r.alice.cancel(invite);
    r.somebody_dies_within(200);
    r.run.run_for(10s);
    const auto outcome = r.alice.statuses(invite);
    REQUIRE(outcome.size() == 1); // 487, or 200 if they crossed
    CHECK(r.alice.status(cancel) == 200);
    CHECK(r.bob.seen("INVITE") == 1);
    CHECK(r.bob.in_call() == outcome.contains(200));
    CHECK(r.alice.consistent());
  }
}

TEST_CASE("transaction: a re-INVITE or BYE under way when the container dies is answered") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    ringing r{seed};
    const auto invite = r.alice.invite("sip:bob@example.com");
    r.run.run_for(2s);
    REQUIRE(r.alice.status(invite) == 200);
    r.bob.rings_for(0ms);
    const auto again = r.alice.in_dialog("INVITE");
    r.somebody_dies_within(20);
    r.run.run_for(5s);
    CHECK(r.alice.statuses(again) == std::set<int>{200});
    for (const auto* name : {"container-1", "container-2", "container-3"})
      if (!r.run.alive(name)) r.run.restart(name);
    REQUIRE(r.run.run_until([&] { return r.run.ready(); }, 20s));
    const auto bye = r.alice.in_dialog("BYE");
    r.somebody_dies_within(20);
    r.run.run_for(5s);
    CHECK(r.alice.statuses(bye) == std::set<int>{200});
    CHECK_FALSE(r.bob.in_call());
    CHECK(r.bob.seen("BYE") == 1);
  }
}

// Nothing of it was held, and over a stream the client repeats nothing.
TEST_CASE("stable: a request that was open in a call when the container died is answered") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    simulation run{kept_as(applications::durability::stable, seed)};
    phone bob{run, bob_at, "bob"};
    phone alice{run, alice_at, "alice"};
    form(run);
    bob.enroll(600);
    run.run_for(1s);
    const auto invite = alice.invite("sip:bob@example.com");
    run.run_for(1s);
    REQUIRE(alice.status(invite) == 200);
    const auto once = alice.in_dialog(seed % 2 == 0 ? "INFO" : "INVITE", {.answered_once = true});
    const auto owner = run.owner_of(bob.remote_token());
    run.run_for(duration{static_cast<std::int64_t>(run.random() % 3'000)});
    run.crash(owner);
    run.run_for(2s);
    CHECK(alice.status(once) == 200);
    CHECK(bob.in_call());
  }
}
