// Several coordinators against one ledger: one stands, and the others take over by
// compare-and-swap.
#include "clusters.hpp"
#include "phone.hpp"

using namespace clusters;
using phones::phone;

namespace {

const endpoint alice_at{"192.0.2.10", 5060};

simulation_options with_three(std::uint64_t seed) {
  auto o = with_alarm_clock(seed);
  o.coordinators = 3;
  o.containers = 3;
  return o;
}

enum class moment { before, between, after };

// A container dies, which is what the coordinator writes about; at that moment it dies as well.
void kill_around_a_write(simulation& run, const std::string& container, moment when) {
  const auto standing = run.coordinator();
  bool written = false;
  if (when == moment::before)
    run.ledger().set_mood(simulations::simulated_ledger::mood::unreachable);
  run.ledger().observe([&, standing](const std::string&) {
    if (written) return;
    written = true;
    if (when == moment::between) run.crash(standing); // the answer finds nobody
  });
  run.crash(container);
  if (when == moment::before) {
    run.run_for(20ms); // it has asked, and nothing was written
    run.crash(standing);
    run.ledger().set_mood(simulations::simulated_ledger::mood::fine);
  } else {
    REQUIRE(run.run_until([&] { return written; }, 2s));
    if (when == moment::after) {
      run.run_for(30ms);
      run.crash(standing);
    }
  }
  run.ledger().observe({});
  CHECK_FALSE(run.alive(standing));
}

} // namespace

TEST_CASE("coordinators: the one that stands dies before, between and after compare-and-swap and "
          "publication, and no call is lost [design, Failure]") {
  for (const auto when : {moment::before, moment::between, moment::after})
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      CAPTURE(seed);
      CAPTURE(static_cast<int>(when));
      simulation run{with_three(seed)};
      form(run);
      phone alice{run, alice_at, "alice"};
      const auto first = alice.invite("sip:alarm@example.com");
      run.run_for(1s);
      REQUIRE(alice.status(first) == 200);
      const auto number = run.view().number;
      const auto standing = run.coordinator();

      kill_around_a_write(run, run.owner_of(alice.remote_token()), when);
      CHECK(run.run_until([&] { return !run.coordinator().empty(); }, 1s)); // within a second
      CHECK(run.coordinator() != standing);
      run.run_for(1s);
      const auto info = alice.in_dialog("INFO");
      run.run_for(2s);
      CHECK(alice.status(info) == 200);
      CHECK(run.view().number > number);
      run.run_for(3s);
      CHECK(alice.seen("INFO") == 1); // its timer fired once

      run.restart(standing);
      run.run_for(3s);
      CHECK(run.coordinator() != standing); // it stands by
      const auto bye = alice.in_dialog("BYE");
      run.run_for(2s);
      CHECK(alice.status(bye) == 200);
      CHECK(run.fail_stops().empty());
    }
}

TEST_CASE("coordinators: one that hung wakes up and stands by") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    auto options = with_three(seed);
    options.supervised = seed != 3;
    simulation run{options};
    form(run);
    const auto first = run.coordinator();
    run.hang(first);
    REQUIRE(run.run_until([&] { return !run.coordinator().empty(); }, 1s));
    const auto second = run.coordinator();
    const auto number = run.view().number;
    run.run_for(3s);
    run.resume(first);
    run.run_for(5s);
    CHECK(run.coordinator() == second);
    CHECK(run.view().number >= number);
    for (const auto& name : run.nodes()) CHECK(run.alive(name));
    CHECK(run.fail_stops().empty());
  }
}

TEST_CASE("coordinators: without the ledger nobody takes over, and calls go on") {
  simulation run{with_three(5)};
  form(run);
  phone alice{run, alice_at, "alice"};
  run.ledger().set_mood(simulations::simulated_ledger::mood::unreachable);
  run.crash(run.coordinator());
  const auto first = alice.invite("sip:alarm@example.com");
  run.run_for(5s);
  CHECK(run.coordinator().empty());
  CHECK(alice.status(first) == 200);
  run.ledger().set_mood(simulations::simulated_ledger::mood::fine);
  CHECK(run.run_until([&] { return !run.coordinator().empty(); }, 1s));
}
