#include "coordinator_stage.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using namespace holdfast::cluster;
using holdfast::cluster::testing::stage;

namespace {

// A cluster of `containers`, formed and ready.
stage formed(int containers, settings s = {}) {
  stage st{std::move(s)};
  st.add_containers(1, containers);
  REQUIRE(st.run_until_ready());
  return st;
}

void let_time_pass(stage& st) {
  st.run(1500ms);
}

} // namespace

TEST_CASE("coordinator: the containers that join together share all shards, empty and in sync "
          "[design, Growing]") {
  stage st;
  st.add_containers(1, 3);
  st.add("proxy-1", role::proxy);
  st.run(300ms);
  CHECK(st.state("proxy-1") == member_state::active);
  CHECK(st.state("container-1") == member_state::joining);
  REQUIRE(st.run_until_ready());
  CHECK(st.owned("container-1") >= 85);
  CHECK(st.owned("container-3") >= 85);
  CHECK(st.held("container-2") >= 84);
  CHECK(st.unprotected() == 0);
  for (const auto& e : st.current().shards) CHECK(e.epoch.value == 1);
  CHECK(st.seen<control::spawn>().size() == 3); // one batch a node
}

TEST_CASE("coordinator: a certain death moves all its shards in one view [design, Failure 3]") {
  auto st = formed(4);
  const auto victim = st.id("container-2");
  const auto before = st.current();
  const auto published = st.seen<control::publish>().size();
  st.kill("container-2");
  REQUIRE(st.run_until([&] { return st.seen<control::publish>().size() > published; }, 100ms));
  const auto after = st.seen<control::publish>().back().now_valid;
  CHECK(after.number.value == before.number.value + 1);
  CHECK_FALSE(after.alive(victim));
  std::map<std::string, int> taken;
  for (std::size_t i = 0; i < after.shards.size(); ++i) {
    if (before.shards[i].owner != victim) continue;
    CHECK(after.shards[i].previous_fence == fence::certain_death);
    CHECK(after.shards[i].epoch.value == 2);
    ++taken[after.shards[i].owner.name];
  }
  CHECK(taken.size() == 3); // evenly, on all survivors
  for (const auto& [name, n] : taken) CHECK(n >= 20);
  CHECK(st.noted("64 shards promoted with 192 sessions"));
  CHECK(st.noted("unprotected"));
  REQUIRE(st.run_until_ready());
  CHECK(st.unprotected() == 0);
  CHECK(st.current().sessions_lost == 0);
}

TEST_CASE("coordinator: when all copies of a shard are dead it is empty, and the loss is counted "
          "[design, Failure]") {
  auto st = formed(3);
  st.kill("container-1");
  st.kill("container-2");
  REQUIRE(st.run_until_ready());
  CHECK(st.owned("container-3") == 256);
  CHECK(st.current().sessions_lost > 0);
  CHECK(st.current().sessions_lost % 3 == 0);
  CHECK(st.noted("shards lost with"));
}

TEST_CASE("coordinator: without any container the shards wait for one and are then empty") {
  auto st = formed(2);
  st.kill("container-1");
  st.kill("container-2");
  st.run(200ms);
  for (const auto& e : st.current().shards) CHECK_FALSE(st.current().alive(e.owner));
  st.add("container-1", role::container);
  REQUIRE(st.run_until_ready());
  CHECK(st.owned("container-1") == 256);
  CHECK(st.current().sessions_lost == 256 * 3);
  for (const auto& e : st.current().shards) CHECK(e.previous_fence == fence::none);
}

TEST_CASE("coordinator: a new incarnation is certain death of the old [design, Who does what]") {
  auto st = formed(3);
  const auto old = st.id("container-2");
  st.add("container-2", role::container); // nobody saw the old one end
  st.run(100ms);
  CHECK(st.id("container-2").incarnation.value == old.incarnation.value + 1);
  for (const auto& e : st.current().shards) CHECK(e.owner != old);
  CHECK(st.current().sessions_lost == 0);
}

TEST_CASE("coordinator: the same process that joins again keeps its incarnation") {
  auto st = formed(3);
  const auto number = st.current().number;
  const auto id = st.id("container-2");
  st.feed(control::link_lost{"container-2"});
  st.run(1s);
  CHECK(st.current().number == number); // a lost link alone moves nothing
  st.join_from("container-2");
  st.run(200ms);
  CHECK(st.id("container-2") == id);
  CHECK(st.current().number == number);
}

TEST_CASE("coordinator: other settings are refused with the key named [design, Who does what]") {
  auto st = formed(2);
  auto strange = st.wanted;
  strange.replicas = 2;
  const node_card card{"container-9", role::container, 99, 9, true, {}, {}, {}, 1, {}, {}};
  st.feed(control::joined{{card, {}, {}, {}, strange}, "container-9"});
  REQUIRE(st.seen<control::refuse>().size() == 1);
  CHECK(st.seen<control::refuse>()[0].why == "cluster.replicas is 2 here and 1 in the cluster");
  st.run(200ms);
  CHECK(st.current().find("container-9") == nullptr);
}

TEST_CASE("coordinator: a node joins only under the name that its link proved") {
  auto st = formed(2);
  const node_card card{"container-1", role::container, 99, 9, true, {}, {}, {}, 1, {}, {}};
  st.feed(control::joined{{card, {}, {}, {}, st.wanted}, "container-9"});
  st.run(200ms);
  REQUIRE(st.seen<control::refuse>().size() == 1);
  CHECK(st.seen<control::refuse>()[0].to == "container-9");
  CHECK(st.current().find("container-1")->card.boot != 99);
}

TEST_CASE("coordinator: a join that its own death overtook is no member") {
  auto st = formed(2);
  st.feed(control::process_ended{"container-9", 77});
  const node_card card{"container-9", role::container, 99, 77, true, {}, {}, {}, 1, {}, {}};
  st.feed(control::joined{{card, {}, {}, {}, st.wanted}, "container-9"});
  st.run(200ms);
  CHECK(st.current().find("container-9") == nullptr);
}

TEST_CASE("coordinator: what arrives while a write is outstanding is in the next view") {
  stage st;
  st.ledger_time = 200ms;
  st.add("container-1", role::container);
  st.run(250ms);
  const auto writes = st.seen<control::write_ledger>().size();
  REQUIRE(writes == 1);
  st.add("container-2", role::container);
  st.add("container-3", role::container);
  st.run(100ms);
  CHECK(st.seen<control::write_ledger>().size() == writes);
  st.run(500ms);
  CHECK(st.current().members.size() == 4);
}

TEST_CASE("coordinator: a lost race starts again from what the ledger says") {
  auto st = formed(3);
  st.lose_next_race = true;
  st.kill("container-3");
  REQUIRE(st.run_until_ready());
  CHECK(st.noted("was not written: another was first"));
  CHECK(st.state("container-3") == member_state::down);
  CHECK(st.current().sessions_lost == 0);
}

TEST_CASE("coordinator: a ledger that does not answer stops changes and nothing else") {
  auto st = formed(3);
  st.ledger_answers = false;
  const auto published = st.seen<control::publish>().size();
  st.kill("container-3");
  st.run(2s);
  CHECK(st.seen<control::publish>().size() == published);
  st.ledger_answers = true;
  REQUIRE(st.run_until_ready());
  CHECK(st.state("container-3") == member_state::down);
}

TEST_CASE("coordinator: an unreadable ledger is not an empty one") {
  stage st;
  st.ledger = "\xff\xff";
  st.add_containers(1, 2);
  st.run(3s);
  CHECK(st.seen<control::write_ledger>().empty());
  CHECK(st.noted("the ledger can not be read"));
}

TEST_CASE(
    "coordinator: what the view orders and nobody reports is spawned again [design, Failure 3]") {
  auto st = formed(2);
  st.kill("container-2");
  st.nodes.at("container-1").hung = true; // hears no view, and so does not activate by itself
  st.run(150ms);
  const auto spawns = st.seen<control::spawn>().size();
  st.run(400ms);
  const auto again = st.seen<control::spawn>().size() - spawns;
  CHECK(again >= 1);
  CHECK(again <= 3); // at most every 200 ms
}

TEST_CASE("coordinator: one that comes late first fills, then owns, and nothing is unprotected "
          "meanwhile [design, Growing]") {
  auto st = formed(3);
  st.add("container-4", role::container);
  REQUIRE(st.run_until([&] { return st.state("container-4") == member_state::bootstrapping; }));
  st.run(50ms);
  CHECK(st.owned("container-4") == 0);
  REQUIRE(st.run_until([&] { return st.state("container-4") == member_state::active; }));
  CHECK(st.held("container-4") >= 60);
  const auto even = [&] {
    for (int i = 1; i <= 4; ++i) {
      const auto name = "container-" + std::to_string(i);
      if (st.owned(name) != 64 || st.held(name) < 63 || st.held(name) > 65) return false;
    }
    return true;
  };
  REQUIRE(st.run_until([&] {
    CHECK(st.unprotected() == 0);
    return even();
  }));
  REQUIRE(st.run_until_ready());
  let_time_pass(st);
  const auto number = st.current().number;
  st.run(5s);
  CHECK(st.current().number == number); // and then there is rest
}

TEST_CASE("coordinator: one bootstraps at a time, and is active when it holds its share [design, "
          "Growing]") {
  auto st = formed(3);
  st.add_containers(4, 6);
  std::map<std::string, std::size_t> held_at_first; // when it became active
  REQUIRE(st.run_until([&] {
    const auto& m = st.current().members;
    CHECK(std::count_if(m.begin(), m.end(),
                        [](const member& x) { return x.state == member_state::bootstrapping; })
          <= 1);
    for (const auto* name : {"container-4", "container-5", "container-6"})
      if (st.state(name) == member_state::active) held_at_first.emplace(name, st.held(name));
    return held_at_first.size() == 3 && st.owned("container-6") >= 42;
  }));
  CHECK(held_at_first["container-4"] >= 60);
  CHECK(held_at_first["container-5"] >= 48);
  CHECK(held_at_first["container-6"] >= 39);
}

TEST_CASE("coordinator: a container that died and came back has its share again") {
  auto st = formed(3);
  st.kill("container-1");
  st.run(300ms);
  st.add("container-1", role::container);
  REQUIRE(st.run_until([&] { return st.owned("container-1") >= 85; }));
  CHECK(st.id("container-1").incarnation.value == 2);
  REQUIRE(st.run_until_ready());
  CHECK(st.current().sessions_lost == 0);
}

TEST_CASE("coordinator: a lone container gets its replicas as soon as there is a second") {
  auto st = formed(1);
  CHECK(st.unprotected() == 256);
  st.add("container-2", role::container);
  REQUIRE(st.run_until([&] { return st.unprotected() == 0; }));
  REQUIRE(st.run_until([&] { return st.owned("container-2") == 128 && st.unprotected() == 0; }));
}

TEST_CASE(
    "coordinator: a drained container loses nothing and ends up owning nothing [design, Growing]") {
  auto st = formed(3);
  let_time_pass(st);
  st.feed(control::operator_command{7, control::operator_verb::drain, "container-1", {}});
  REQUIRE(st.seen<control::operator_answer>().size() == 1);
  CHECK(st.seen<control::operator_answer>()[0].accepted);
  REQUIRE(st.run_until([&] {
    CHECK(st.unprotected() == 0);
    return st.state("container-1") == member_state::draining && st.owned("container-1") == 0
           && st.held("container-1") == 0;
  }));
  st.feed(control::operator_command{8, control::operator_verb::undrain, "container-1", {}});
  REQUIRE(st.run_until([&] { return st.owned("container-1") >= 85; }));
}

TEST_CASE("coordinator: a drain is taken back before it is written [design, Growing]") {
  auto st = formed(3);
  let_time_pass(st);
  st.ledger_time = 300ms;
  st.feed(control::operator_command{7, control::operator_verb::drain, "container-1", {}});
  st.run(50ms);
  REQUIRE(st.state("container-1") == member_state::active);
  st.feed(control::operator_command{8, control::operator_verb::undrain, "container-1", {}});
  const auto answers = st.seen<control::operator_answer>();
  CHECK(answers.back().accepted);
  CHECK(answers.back().text == "no longer draining container-1");
  st.run(3s);
  CHECK(st.state("container-1") == member_state::active);
  CHECK(st.owned("container-1") >= 85);
}

TEST_CASE("coordinator: an operator moves one shard") {
  auto st = formed(3);
  let_time_pass(st);
  const shard_id shard{5};
  const std::string to =
      st.current().shard(shard)->owner.name == "container-1" ? "container-2" : "container-1";
  st.feed(control::operator_command{1, control::operator_verb::move, to, shard});
  CHECK(st.seen<control::operator_answer>().back().accepted);
  REQUIRE(st.run_until([&] { return st.current().shard(shard)->owner.name == to; }, 2s));
  st.feed(control::operator_command{2, control::operator_verb::move, to, shard});
  CHECK_FALSE(st.seen<control::operator_answer>().back().accepted);
}

TEST_CASE(
    "coordinator: a shard that moves to its own replica gets another one first [design, Growing]") {
  auto st = formed(3);
  let_time_pass(st);
  const shard_id shard{5};
  const auto to = st.current().shard(shard)->replicas.front().node.name;
  st.feed(control::operator_command{1, control::operator_verb::move, to, shard});
  CHECK(st.seen<control::operator_answer>().back().accepted);
  REQUIRE(st.run_until(
      [&] {
        CHECK(st.current().shard(shard)->protected_by_replica());
        return st.current().shard(shard)->owner.name == to;
      },
      2s));
}

TEST_CASE("coordinator: a container receives a bounded number of replicas at one time") {
  auto st = formed(1);
  st.add("container-2", role::container);
  std::size_t most = 0;
  REQUIRE(st.run_until([&] {
    std::size_t filling = 0;
    for (const auto& e : st.current().shards)
      for (const auto& r : e.replicas)
        if (!r.in_sync) ++filling;
    most = std::max(most, filling);
    return st.unprotected() == 0;
  }));
  CHECK(most == fills_per_container);
}

TEST_CASE("coordinator: what operators see") {
  auto st = formed(2);
  const auto members = st.machine.members();
  REQUIRE(members.size() == 3);
  CHECK(members[0].name == "container-1");
  CHECK(members[0].shards_owned == 128);
  CHECK(members[0].replicas_held == 128);
  CHECK(members[0].sessions == 128 * 3);
  CHECK(members[0].linked);
  const auto shards = st.machine.shards();
  REQUIRE(shards.size() == 256);
  CHECK(shards[3].active);
  CHECK_FALSE(shards[3].unprotected);
  CHECK(shards[3].sessions == 3);
}

TEST_CASE("domains: copies stay among the containers of a domain, whoever dies [design, Shards]") {
  settings s;
  s.domains = {{{"container-1", "container-2", "container-3"}},
               {{"container-4", "container-5", "container-6"}}};
  stage st{s};
  st.add_containers(1, 6);
  REQUIRE(st.run_until_ready());
  const auto in_domain = [&](const shard_entry& e, std::size_t domain) {
    const auto fits = [&](const node_id& n) { return domain_of(s, n.name) == domain; };
    return fits(e.owner)
           && std::all_of(e.replicas.begin(), e.replicas.end(),
                          [&](const replica& r) { return fits(r.node); });
  };
  const auto all_in_place = [&] {
    const auto& shards = st.current().shards;
    for (std::size_t i = 0; i < shards.size(); ++i)
      if (!in_domain(shards[i], i % 2)) return false;
    return true;
  };
  CHECK(all_in_place());
  st.kill("container-5");
  REQUIRE(st.run_until([&] {
    return st.owned("container-4") == 64 && st.owned("container-6") == 64 && st.machine.ready();
  }));
  CHECK(all_in_place());
  CHECK(st.owned("container-1") < 50); // the other domain has nothing to do with it
  st.add("container-5", role::container);
  REQUIRE(st.run_until([&] { return st.owned("container-5") >= 42 && st.machine.ready(); }));
  CHECK(all_in_place());
  // A domain whose containers are all dead waits for one of its own.
  for (const auto* name : {"container-4", "container-5", "container-6"}) st.kill(name);
  st.run(5s);
  CHECK(st.owned("container-1") + st.owned("container-2") + st.owned("container-3") == 128);
  st.add("container-4", role::container);
  REQUIRE(st.run_until([&] { return st.owned("container-4") == 128; }));
  CHECK(st.current().sessions_lost > 0);
}

TEST_CASE("domains: a container of none is refused, a shard does not move to another") {
  settings s;
  s.domains = {{{"container-1", "container-2"}}, {{"container-3", "container-4"}}};
  stage st{s};
  st.add_containers(1, 4);
  REQUIRE(st.run_until_ready());
  st.add("container-9", role::container);
  CHECK(st.seen<control::refuse>().back().why
        == "container-9 is in none of "
           "cluster.replication_domains");
  st.feed(control::operator_command{1, control::operator_verb::move, "container-3", shard_id{4}});
  CHECK_FALSE(st.seen<control::operator_answer>().back().accepted);
}
