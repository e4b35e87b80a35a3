#include "clusters.hpp"
#include "phone.hpp"

#include <set>

using namespace clusters;
using cluster::inspect_query;
using cluster::inspect_what;
using phones::phone;

namespace {

const endpoint alice_at{"192.0.2.10", 5060};

inspect_query of(inspect_what what) {
  inspect_query q;
  q.what = what;
  return q;
}

// The one session there is, and where.
std::pair<std::string, cluster::session_row> only_session(simulation& run) {
  std::pair<std::string, cluster::session_row> found;
  std::size_t count = 0;
  for (const auto& p : run.look(of(inspect_what::sessions)))
    for (const auto& s : p.sessions) {
      found = {p.node, s};
      ++count;
    }
  REQUIRE(count == 1);
  return found;
}

} // namespace

TEST_CASE("inspection: the actors of every node are seen, each below its supervisor") {
  simulation run{with_alarm_clock(31)};
  form(run);
  const auto pictures = run.look(of(inspect_what::actors));
  REQUIRE(pictures.size() == 5); // coordinator, dispatcher, proxy, two containers
  std::size_t shards = 0;
  for (const auto& p : pictures) {
    std::set<std::uint64_t> known{0};
    for (const auto& a : p.actors) known.insert(a.id);
    CHECK(known.size() == p.actors.size() + 1);
    for (const auto& a : p.actors) {
      CHECK(known.contains(a.parent));
      CHECK(a.answered);
      if (a.kind == "shard") ++shards;
    }
  }
  CHECK(shards == 8);
}

TEST_CASE("inspection: a node that hangs is missing from the picture, the others are not") {
  simulation run{with_alarm_clock(32)};
  form(run);
  run.hang("proxy-1");
  std::set<std::string> nodes;
  for (const auto& p : run.look(of(inspect_what::actors))) nodes.insert(p.node);
  CHECK(nodes.contains("container-1"));
  CHECK_FALSE(nodes.contains("proxy-1"));
}

TEST_CASE("inspection: a call is found by its caller, and its ladder is what passed") {
  simulation run{with_alarm_clock(33)};
  form(run);
  phone alice{run, alice_at, "alice"};
  const auto invite = alice.invite("sip:alarm@example.com");
  run.run_for(1s);
  REQUIRE(alice.status(invite) == 200);
  auto query = of(inspect_what::sessions);
  query.text = "NOBODY";
  for (const auto& p : run.look(query)) CHECK(p.sessions.empty());
  const auto [node, session] = only_session(run);
  CHECK(session.stable);
  CHECK(session.caller.find("alice") != std::string::npos);
  REQUIRE(session.call_ids.size() == 1);

  auto ladder = of(inspect_what::ladder);
  ladder.calls = {cluster::call_hash(session.call_ids.front())};
  ladder.sessions = {session.where};
  std::vector<cluster::sighting_row> rows;
  for (const auto& p : run.look(ladder))
    rows.insert(rows.end(), p.sightings.begin(), p.sightings.end());
  const auto rungs = cluster::ladder_of(rows);
  REQUIRE(rungs.size() >= 3);
  CHECK(rungs.front().method == cluster::sip_method::invite);
  CHECK(rungs.front().status == 0);
  CHECK(rungs.front().agent == alice_at);
  REQUIRE(rungs.front().stops.size() == 3); // dispatcher, proxy, session
  CHECK(rungs.front().stops.back().node == node);
  CHECK(rungs.front().stops.back().step == 1);
  CHECK(std::any_of(rungs.begin(), rungs.end(),
                    [](const auto& r) { return r.status == 200 && !r.in && r.stops.size() == 3; }));
  CHECK(rungs.back().method == cluster::sip_method::ack);
}

TEST_CASE("inspection: who threw lies in the graveyard with its last message, and is alive again") {
  simulation run{with_alarm_clock(34)};
  form(run);
  phone alice{run, alice_at, "alice"};
  const auto invite = alice.invite("sip:alarm@example.com");
  run.run_for(1s);
  REQUIRE(alice.status(invite) == 200);
  (void)alice.in_dialog("INFO", {.headers = {{"X-Drill", "throw-until:1"}}});
  run.run_for(1s);
  std::vector<cluster::obituary> graves;
  for (const auto& p : run.look(of(inspect_what::graveyard)))
    graves.insert(graves.end(), p.graveyard.begin(), p.graveyard.end());
  REQUIRE(graves.size() == 1);
  CHECK(graves[0].row.kind == "session");
  CHECK_FALSE(graves[0].why.empty());
  REQUIRE_FALSE(graves[0].messages.empty());
  CHECK(graves[0].messages.back().kind == "received");
  CHECK(graves[0].messages.back().processed_us == -1); // it did not come back from this one
  const auto [node, session] = only_session(run);
  CHECK(session.where == graves[0].session);
  CHECK(session.restarts == 1);
}

TEST_CASE("inspection: one session in full, and its messages as text only while it is traced") {
  simulation run{with_alarm_clock(35)};
  form(run);
  phone alice{run, alice_at, "alice"};
  const auto invite = alice.invite("sip:alarm@example.com");
  run.run_for(1s);
  REQUIRE(alice.status(invite) == 200);
  const auto where = only_session(run).second.where;
  auto trace = of(inspect_what::trace);
  trace.one_session = true;
  trace.session = where;
  (void)run.look(trace);
  (void)alice.in_dialog("INFO", {.headers = {{"X-Drill", "none"}}});
  run.run_for(1s);
  auto query = trace;
  query.what = inspect_what::actor;
  std::vector<cluster::actor_detail> details;
  for (const auto& p : run.look(query))
    details.insert(details.end(), p.details.begin(), p.details.end());
  REQUIRE(details.size() == 1);
  CHECK(details[0].traced);
  REQUIRE(details[0].texts.size() >= 2);
  CHECK(details[0].texts.front().bytes.starts_with("INFO "));
  CHECK_FALSE(details[0].messages.empty());
  // Steps carry the numbers that their arrows name: INVITE, ACK, INFO.
  CHECK(details[0].messages.front().number == 1);
  CHECK(details[0].messages.back().number == details[0].session.messages);
}
