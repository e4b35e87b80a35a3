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
