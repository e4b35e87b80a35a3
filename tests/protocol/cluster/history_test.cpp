#include "protocol/cluster/cluster_facts.hpp"
#include "protocol/cluster/history.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

const node_id first{"container-1", incarnation{1}};
const node_id second{"container-2", incarnation{2}};

member container(const node_id& who, member_state state) {
  member m;
  m.card.name = who.name;
  m.incarnation = who.incarnation;
  m.state = state;
  return m;
}

view with(std::uint64_t number, member_state state_of_first, const node_id& owner) {
  view v;
  v.number = view_number{number};
  v.members = {container(first, state_of_first), container(second, member_state::active)};
  for (int i = 0; i < 2; ++i) {
    shard_entry s;
    s.epoch = epoch{owner == first ? 1u : 2u};
    s.owner = owner;
    v.shards.push_back(s);
  }
  return v;
}

container_report reported(std::uint32_t sessions, std::uint64_t at_epoch) {
  container_report r;
  for (std::uint16_t i = 0; i < 2; ++i) {
    shard_activity a;
    a.shard = shard_id{i};
    a.epoch = epoch{at_epoch};
    a.sessions = sessions;
    r.shards.push_back(a);
  }
  return r;
}

instant at(duration d) {
  return instant{10s + d};
}

} // namespace

TEST_CASE("history: a failover is told step by step, from its first sign to its first message") {
  history h;
  h.on_report(first, reported(7, 1), at(0ms));
  h.on_sign("container-1", "its link broke", at(1ms));
  h.on_sign("container-1", "its process ended", at(3ms));
  h.on_view(with(4, member_state::active, first), with(5, member_state::down, second), at(9ms));
  h.on_spawned("container-2", at(10ms));
  REQUIRE(h.failovers().size() == 1);
  const auto& f = h.failovers().front();
  CHECK(f.node == first);
  CHECK(f.cause == "its link broke");
  CHECK(f.detected == at(1ms));
  CHECK(f.decided == at(9ms));
  CHECK(f.spawned == at(10ms));
  CHECK(f.sessions() == 14);
  CHECK_FALSE(f.activated());

  auto report = reported(7, 2);
  report.shards[0].active_for = 5ms;
  h.on_report(second, report, at(25ms));
  CHECK(f.activated() == at(25ms));
  CHECK_FALSE(f.first_message());
  report.shards[1].served_for = 2ms;
  h.on_report(second, report, at(40ms));
  CHECK(f.first_message() == at(38ms));
  CHECK(f.activated() == at(25ms)); // what was told once stays
}

TEST_CASE("history: a shard moved from a living owner is no failover, but part of its view") {
  history h;
  h.on_view(with(4, member_state::active, first), with(5, member_state::draining, second), at(0ms));
  CHECK(h.failovers().empty());
  REQUIRE(h.views().size() == 1);
  CHECK(h.views()[0].owners_changed == 2);
  REQUIRE(h.views()[0].states.size() == 1);
  CHECK(h.views()[0].states[0] == "container-1#1 draining");
}

TEST_CASE("history: an old sign is not the detection of a new death") {
  history h;
  h.on_sign("container-1", "its link broke", at(0ms));
  h.on_view(with(4, member_state::active, first), with(5, member_state::down, second), at(60s));
  CHECK(h.failovers().front().detected == at(60s));
}

TEST_CASE("history: both of its lists are bounded") {
  history h;
  for (std::uint64_t i = 1; i <= 600; ++i) {
    h.on_view(with(i, member_state::active, first), with(i + 1, member_state::down, second),
              at(1ms));
  }
  CHECK(h.views().size() == history::views_max);
  CHECK(h.failovers().size() == history::failovers_max);
}

TEST_CASE("history: a view of the past tells who owned what then") {
  history h;
  h.on_view(with(4, member_state::active, first), with(5, member_state::down, second), at(1ms));
  h.on_view(with(5, member_state::down, second), with(6, member_state::active, first), at(2ms));
  const auto* then = h.view_at(view_number{5});
  REQUIRE(then != nullptr);
  REQUIRE(then->ring.owners.size() == 2);
  CHECK(then->ring.names.at(then->ring.owners[0]) == "container-2");
  CHECK(then->ring.copies[0] == ring_picture::none);
  CHECK(then->ring.epochs[0] == 2);
  REQUIRE(then->ring.states.size() == 2);
  CHECK(then->ring.states[0] == member_state::down);
  CHECK(h.view_at(view_number{7}) == nullptr);
}

TEST_CASE("facts: what another node gets is on its own clock, and means the same moments") {
  history h;
  h.on_sign("container-1", "its link broke", at(1ms));
  h.on_view(with(4, member_state::active, first), with(5, member_state::down, second), at(9ms));
  cluster_facts sent;
  sent.now = at(20ms);
  sent.events.push_back({at(5ms), true, "something"});
  sent.failovers.assign(h.failovers().begin(), h.failovers().end());
  sent.views.assign(h.views().begin(), h.views().end());
  auto got = decode<cluster_facts>(encode(sent));
  REQUIRE(got);
  rebase(*got, instant{3s});
  CHECK(got->events.at(0).at == instant{3s} - 15ms);
  CHECK(got->failovers.at(0).detected == instant{3s} - 19ms);
  CHECK_FALSE(got->failovers.at(0).spawned);
  CHECK(got->views.at(0).at == instant{3s} - 11ms);
  CHECK(got->views.at(0).ring.owners == h.views()[0].ring.owners);
}

TEST_CASE("facts: a view tells who is in and who owns what, and that it is no more than a view") {
  const auto facts = facts_of(with(5, member_state::down, second), "proxy-1", at(0ms));
  CHECK_FALSE(facts.coordinator);
  CHECK_FALSE(facts.ready);
  CHECK(facts.why_not_ready.find("proxy-1") != std::string::npos);
  REQUIRE(facts.members.size() == 2);
  CHECK(facts.members[1].shards_owned == 2);
  REQUIRE(facts.shards.size() == 2);
  CHECK(facts.shards[0].active);
  CHECK(facts.shards[0].unprotected);
}
