#include "clusters.hpp"
#include "phone.hpp"

#include <functional>

using namespace clusters;
using phones::phone;

namespace {

const endpoint alice_at{"192.0.2.10", 5060};

// A call to the alarm clock; `fault` befalls the container that has it a second before the alarm.
std::uint64_t call_survives(std::uint64_t seed,
                            const std::function<void(simulation&, const std::string&)>& fault) {
  CAPTURE(seed);
  simulation run{with_alarm_clock(seed)};
  form(run);
  phone alice{run, alice_at, "alice"};
  const auto invite = alice.invite("sip:alarm@example.com");
  run.run_for(2s);
  REQUIRE(alice.status(invite) == 200);
  const auto owner = run.owner_of(alice.remote_token());
  REQUIRE_FALSE(owner.empty());
  CHECK(alice.seen("INFO") == 0);

  fault(run, owner);
  const auto info = alice.in_dialog("INFO"); // while nobody owns the session
  run.run_for(5s);
  CHECK(run.owner_of(alice.remote_token()) == survivor_of(owner));
  CHECK(alice.status(info) == 200);
  CHECK(alice.seen("INFO") == 1); // the alarm, once

  const auto bye = alice.in_dialog("BYE");
  run.run_for(34s); // as long as anything could still be repeated
  CHECK(alice.status(bye) == 200);
  CHECK(alice.seen("INFO") == 1);
  CHECK(alice.seen("BYE") == 0);
  CHECK(alice.consistent());
  CHECK(run.fail_stops().empty());
  return run.hash();
}

void crash(simulation& run, const std::string& owner) {
  run.crash(owner);
}

} // namespace

TEST_CASE("failover: a call goes on at the other container, its timer fires once") {
  call_survives(1, crash);
}

TEST_CASE("failover: the same seed is the same run, every seed keeps the call") {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) hashes.insert(call_survives(seed, crash));
  CHECK(hashes.size() == 3);
  CHECK(hashes.contains(call_survives(1, crash)));
  CHECK(hashes.contains(call_survives(3, crash)));
}

TEST_CASE("failover: a container that hangs is killed first, then its calls go on elsewhere") {
  call_survives(3, [](simulation& run, const std::string& owner) {
    run.hang(owner);
    REQUIRE(run.run_until([&] { return !run.alive(owner); }, 2s));
  });
}

TEST_CASE(
    "failover: a container cut off from all others is killed, and speaks no more before that") {
  call_survives(4, [](simulation& run, const std::string& owner) {
    for (const auto& peer :
         {"coordinator-1", "dispatcher-1", "proxy-1", survivor_of(owner).c_str()})
      run.cut(owner, peer);
    REQUIRE(run.run_until([&] { return !run.alive(owner); }, 3s));
  });
}

TEST_CASE("failover: an heir that hears of it last loses nothing of what comes before") {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    CAPTURE(seed);
    simulation run{with_alarm_clock(seed)};
    form(run);
    phone alice{run, alice_at, "alice"};
    const auto invite = alice.invite("sip:alarm@example.com");
    run.run_for(1s);
    REQUIRE(alice.status(invite) == 200);
    const auto owner = run.owner_of(alice.remote_token());
    const auto heir = survivor_of(owner);

    run.cut_one_way("coordinator-1", heir); // the proxies hear of it, the heir does not
    run.crash(owner);
    const auto asked = ask_until_served_by(run, alice, heir);
    CHECK(run.owner_of(alice.remote_token()) == heir);
    run.heal("coordinator-1", heir);
    run.run_for(2s);
    CHECK(unanswered(alice, asked) == 0);
    CHECK(alice.consistent());
    CHECK(run.fail_stops().empty());
  }
}

TEST_CASE("failover: without a launcher a container that hangs is fenced by its lease") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    auto options = with_alarm_clock(seed);
    options.supervised = false;
    simulation run{options};
    form(run);
    phone alice{run, alice_at, "alice"};
    const auto invite = alice.invite("sip:alarm@example.com");
    run.run_for(2s);
    REQUIRE(alice.status(invite) == 200);
    const auto owner = run.owner_of(alice.remote_token());
    run.hang(owner);
    run.run_for(4s);
    CHECK(run.owner_of(alice.remote_token()) == survivor_of(owner));
    CHECK(alice.seen("INFO") == 1);
    run.resume(owner); // it finds out that it was given up, and ends
    const auto bye = alice.in_dialog("BYE");
    run.run_for(2s);
    CHECK_FALSE(run.alive(owner));
    CHECK(alice.status(bye) == 200);
    CHECK(alice.seen("INFO") == 1);
    CHECK(alice.consistent());
  }
}
