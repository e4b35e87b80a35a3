// A session that nobody touches gives its actor back, and nobody notices.
#include "clusters.hpp"
#include "phone.hpp"

using namespace clusters;
using phones::phone;

namespace {

const endpoint alice_at{"192.0.2.10", 5060};
const endpoint bob_at{"192.0.2.20", 5060};

std::vector<cluster::session_row> sessions(simulation& run) {
  cluster::inspect_query query;
  query.what = cluster::inspect_what::sessions;
  std::vector<cluster::session_row> rows;
  for (const auto& p : run.look(query))
    rows.insert(rows.end(), p.sessions.begin(), p.sessions.end());
  return rows;
}

cluster::session_row session_of(simulation& run, const std::string& application) {
  for (const auto& row : sessions(run))
    if (row.application == application) return row;
  FAIL("no session of " << application);
  return {};
}

} // namespace

TEST_CASE("rest: a standing call rests, wakes for a request, rests, and outlives its container") {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    CAPTURE(seed);
    simulation run{{.seed = seed}};
    form(run);
    phone alice{run, alice_at, "alice"};
    phone bob{run, bob_at, "bob"};
    (void)bob.enroll(600);
    run.run_for(1s);
    const auto invite = alice.invite("sip:bob@example.com");
    run.run_for(2s);
    REQUIRE(alice.status(invite) == 200);
    CHECK_FALSE(session_of(run, "b2bua").rests);
    run.run_for(34s);
    CHECK(session_of(run, "b2bua").rests);
    CHECK(session_of(run, "registrar").rests);

    const auto info = alice.in_dialog("INFO");
    run.run_for(1s);
    CHECK(alice.status(info) == 200);
    CHECK(bob.seen("INFO") == 1);
    CHECK_FALSE(session_of(run, "b2bua").rests);
    run.run_for(34s);
    CHECK(session_of(run, "b2bua").rests);

    run.crash(run.owner_of(alice.remote_token()));
    run.run_for(3s);
    const auto row = session_of(run, "b2bua");
    CHECK(row.rests); // nobody has touched it
    CHECK(row.caller.find("alice") != std::string::npos);
    CHECK(row.stable);
    const auto bye = alice.in_dialog("BYE");
    run.run_for(2s);
    CHECK(alice.status(bye) == 200);
    CHECK(bob.seen("BYE") == 1);
    run.run_for(34s);
    CHECK(sessions(run).size() == 1); // the binding
    CHECK(run.fail_stops().empty());
  }
}

TEST_CASE("rest: a binding that rests expires when it must, also on the other container") {
  for (const bool killed : {false, true}) {
    CAPTURE(killed);
    simulation run{{.seed = 5}};
    form(run);
    phone alice{run, alice_at, "alice"};
    phone bob{run, bob_at, "bob"};
    (void)bob.enroll(90);
    run.run_for(35s);
    REQUIRE(session_of(run, "registrar").rests);
    if (killed) run.crash(container_with_sessions(run));
    run.run_for(45s);
    REQUIRE(sessions(run).size() == 1);
    CHECK(session_of(run, "registrar").rests);
    run.run_for(15s);
    const auto after = alice.invite("sip:bob@example.com");
    run.run_for(2s);
    CHECK(alice.status(after) == 480);
    CHECK(bob.seen("INVITE") == 0);
    CHECK(run.fail_stops().empty());
  }
}
