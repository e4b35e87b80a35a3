// Fences and restarts: whom the coordinator may stop, and what it believes (design, "Failure").
#include "coordinator_stage.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace holdfast;
using namespace holdfast::cluster;
using holdfast::cluster::testing::stage;

namespace {

stage formed(int containers, settings s = {}, bool supervised = true) {
  stage st{std::move(s)};
  for (int i = 1; i <= containers; ++i)
    st.add("container-" + std::to_string(i), role::container, supervised);
  REQUIRE(st.run_until_ready());
  return st;
}

} // namespace

TEST_CASE(
    "fencing: a hung container is killed and its shards move on its certain death [fence a]") {
  auto st = formed(3);
  const auto victim = st.id("container-2");
  st.hang("container-2");
  REQUIRE(st.run_until([&] { return !st.current().alive(victim); }, 600ms));
  REQUIRE(st.seen<control::kill>().size() == 1);
  for (const auto& e : st.current().shards) CHECK(e.previous_fence != fence::lease);
  CHECK(st.noted("its heartbeats stopped, its process is gone"));
  REQUIRE(st.run_until_ready());
  CHECK(st.current().sessions_lost == 0);
}

TEST_CASE(
    "fencing: a second observer that hears the suspect holds us up for a second [Failure 2]") {
  auto st = formed(3);
  st.cuts.insert({"coordinator-1", "container-2"});
  st.run(900ms);
  CHECK(st.seen<control::kill>().empty());
  st.run(600ms);
  CHECK(st.seen<control::kill>().size() == 1);
}

TEST_CASE("fencing: one that is heard again in time is just fine [Failure 2]") {
  auto st = formed(3);
  st.cuts.insert({"coordinator-1", "container-2"});
  st.run(900ms);
  st.cuts.clear();
  st.run(3s);
  CHECK(st.seen<control::kill>().empty());
  CHECK(st.state("container-2") == member_state::active);
}

TEST_CASE("fencing: a suspicion of a process that is dead by then holds nothing up [Failure 2]") {
  auto st = formed(3);
  st.ledger_time = 2s; // its death is decided late, and it is suspected meanwhile
  st.kill("container-1");
  st.run(1s);
  st.add("container-1", role::container);
  st.run(2s);
  st.ledger_time = 2ms;
  CHECK(st.run_until([&] { return st.state("container-1") == member_state::active; }, 20s));
}

TEST_CASE("ledger: a death that was written without a reply is over all the same [Failure]") {
  auto st = formed(3);
  st.forget_replies = true;
  st.kill("container-1");
  st.run(2s);
  REQUIRE(st.state("container-1") == member_state::down);
  st.forget_replies = false;
  st.add("container-1", role::container);
  CHECK(st.run_until([&] { return st.state("container-1") == member_state::active; }, 20s));
}

TEST_CASE("fencing: what only another container suspects is not suspected") {
  auto st = formed(3);
  st.cuts.insert({"container-1", "container-2"});
  st.run(900ms);
  CHECK(st.seen<control::kill>().empty());
}

TEST_CASE("fencing: a replica that its owner can not reach is taken from it [fence c]") {
  auto st = formed(3);
  st.cuts.insert({"container-1", "container-2"});
  const auto owner = st.id("container-1"), replica_node = st.id("container-2");
  REQUIRE(st.run_until(
      [&] {
        return std::none_of(st.current().shards.begin(), st.current().shards.end(),
                            [&](const shard_entry& e) {
                              return e.owner == owner && e.replicas.front().node == replica_node
                                     && e.replicas.front().in_sync;
                            });
      },
      2s));
  CHECK(st.seen<control::kill>().empty());
}

TEST_CASE("fencing: the holder of the only copy in sync is left alone [Failure]") {
  auto st = formed(1);
  st.add("proxy-1", role::proxy); // whom it still hears
  st.run(100ms);
  st.hang("container-1");
  st.run(10s);
  CHECK(st.seen<control::kill>().empty());
  CHECK(st.state("container-1") == member_state::active);
  CHECK(st.noted("left alone"));
}

TEST_CASE("fencing: not more suspects at once than there are replicas, and never the last copy") {
  auto st = formed(4);
  st.hang("container-1");
  st.hang("container-2");
  st.run(10s);
  // One is stopped. What it shared with the other is now held there alone.
  std::set<std::string> killed;
  for (const auto& k : st.seen<control::kill>()) killed.insert(k.name);
  CHECK(killed.size() == 1);
  CHECK(st.current().sessions_lost == 0);
}

TEST_CASE("fencing: of three suspects with two replicas, two are stopped [Failure, Fences]") {
  settings s;
  s.replicas = 2;
  s.shard_count = 2; // the last three hold nothing: it is their number alone that counts
  auto st = formed(8, s);
  st.launcher = false; // so that none of them is out of the way before the third is judged
  for (const auto* name : {"container-6", "container-7", "container-8"}) st.hang(name);
  st.run(1900ms);
  std::set<std::string> killed;
  for (const auto& k : st.seen<control::kill>()) killed.insert(k.name);
  CHECK(killed.size() == 2);
}

TEST_CASE("fencing: a coordinator that was stopped kills nobody [Failure 2]") {
  auto st = formed(3);
  st.stall_coordinator(5s);
  st.run(3s);
  CHECK(st.seen<control::kill>().empty());
  for (int i = 1; i <= 3; ++i)
    CHECK(st.state("container-" + std::to_string(i)) == member_state::active);
}

TEST_CASE("fencing: suspicions that waited while the coordinator slept are judged anew") {
  auto st = formed(3);
  const auto victim = st.id("container-2");
  st.now += 5s; // asleep; the heartbeat unit was not
  st.feed(control::peer_suspicion{"", victim, true});
  st.feed(control::peer_suspicion{"container-1", victim, true});
  CHECK(st.seen<control::kill>().empty());
  st.feed(control::tick{});
  CHECK(st.seen<control::kill>().empty());
  st.feed(control::peer_suspicion{"", victim, false});
  st.feed(control::tick{});
  st.run(300ms);
  CHECK(st.seen<control::kill>().empty());
}

TEST_CASE("fencing: without a launcher the lease fences [fence b]") {
  auto st = formed(3, {}, false);
  const auto victim = st.id("container-2");
  const auto before = st.current();
  st.hang("container-2");
  REQUIRE(st.run_until([&] { return !st.current().alive(victim); }, 600ms));
  CHECK(st.seen<control::kill>().empty());
  for (std::size_t i = 0; i < before.shards.size(); ++i)
    if (before.shards[i].owner == victim)
      CHECK(st.current().shards[i].previous_fence == fence::lease);
}

TEST_CASE(
    "fencing: a fenced process that asks as its old self learns, and is let in as a new one") {
  auto st = formed(3, {}, false);
  const auto victim = st.id("container-2");
  st.hang("container-2");
  REQUIRE(st.run_until([&] { return !st.current().alive(victim); }, 600ms));
  const auto views = st.seen<control::send_view>().size();
  const auto& n = st.nodes.at("container-2");
  st.feed(control::joined{{n.card, n.given, {}, {}, st.wanted}, "container-2"});
  st.run(100ms);
  CHECK(st.seen<control::send_view>().size() == views + 1);
  CHECK(st.state("container-2") == member_state::down);
  st.feed(control::joined{{n.card, {}, {}, {}, st.wanted}, "container-2"});
  st.run(100ms);
  CHECK(st.id("container-2").incarnation.value == 2);
}

TEST_CASE("fencing: a death that nobody confirms becomes a matter of leases [fence a, bounded]") {
  auto st = formed(3);
  st.launcher = false;
  const auto victim = st.id("container-2");
  st.hang("container-2");
  st.run(1500ms);
  CHECK(st.current().alive(victim));
  CHECK(st.seen<control::kill>().size() >= 2); // asked again
  REQUIRE(st.run_until([&] { return !st.current().alive(victim); }, 2s));
  CHECK(st.noted("nobody confirms the death"));
  CHECK(std::any_of(st.current().shards.begin(), st.current().shards.end(),
                    [](const auto& e) { return e.previous_fence == fence::lease; }));
}

TEST_CASE("fencing: a hung proxy is killed on our own word") {
  auto st = formed(2);
  st.add("proxy-1", role::proxy);
  st.run(200ms);
  st.hang("proxy-1");
  REQUIRE(st.run_until([&] { return st.state("proxy-1") == member_state::down; }, 600ms));
}

TEST_CASE("fencing: an operator's kill is carried out") {
  auto st = formed(3);
  st.feed(control::operator_command{1, control::operator_verb::kill, "container-3", {}});
  CHECK(st.seen<control::operator_answer>().back().accepted);
  st.run(100ms);
  CHECK(st.state("container-3") == member_state::down);
  CHECK(st.current().sessions_lost == 0);
}

TEST_CASE("restart: the view is what it was, and nobody is harmed [Failure, Views]") {
  auto st = formed(3);
  st.add("proxy-1", role::proxy);
  st.run(2s);
  const auto before = st.current();
  st.restart_coordinator();
  st.run(100ms);
  st.rejoin_all();
  st.run(15s);
  CHECK(st.machine.ready());
  CHECK(st.seen<control::kill>().empty());
  for (std::size_t i = 0; i < before.shards.size(); ++i)
    CHECK(st.current().shards[i].epoch == before.shards[i].epoch);
  CHECK(st.id("proxy-1").incarnation.value == 1);
}

TEST_CASE(
    "restart: who does not come back is stopped after its time, and not before [Failure, Views]") {
  auto st = formed(3);
  const auto victim = st.id("container-2");
  st.nodes.at("container-2").linked = false; // greets, but has lost us for good
  st.restart_coordinator();
  st.rejoin_all();
  st.run(2900ms);
  CHECK(st.current().alive(victim));
  REQUIRE(st.run_until([&] { return !st.current().alive(victim); }, 600ms));
  CHECK(st.noted("it did not come back"));
}

TEST_CASE("restart: one that died meanwhile is found out") {
  auto st = formed(3);
  const auto victim = st.id("container-2");
  st.nodes.at("container-2").running = false; // nobody was there to see it
  st.restart_coordinator();
  st.rejoin_all();
  st.run(150ms);
  CHECK(st.current().alive(victim)); // a full window first
  REQUIRE(st.run_until([&] { return !st.current().alive(victim); }, 4s));
  REQUIRE(st.run_until_ready());
  CHECK(st.current().sessions_lost == 0);
}

TEST_CASE("lost ledger: the view that members bring is taken over [Failure, Views]") {
  auto st = formed(3);
  st.kill("container-3");
  st.run(5s); // until nothing moves any more
  const auto before = st.current();
  st.ledger.reset();
  st.ledger_number = 0;
  st.restart_coordinator();
  st.run(50ms);
  st.rejoin_all();
  REQUIRE(st.run_until_ready());
  CHECK(st.noted("the ledger was behind"));
  CHECK(st.current().number > before.number);
  for (std::size_t i = 0; i < before.shards.size(); ++i) {
    CHECK(st.current().shards[i].owner == before.shards[i].owner);
    CHECK(st.current().shards[i].epoch >= before.shards[i].epoch);
  }
  CHECK(st.id("container-1").incarnation.value == 1);
  CHECK(st.ledger_number >= 1);
}

TEST_CASE("lost ledger: epochs jump above what any member knows [Failure, Views]") {
  auto st = formed(2);
  const auto& n = st.nodes.at("container-1");
  st.feed(
      control::joined{{n.card, n.given, epoch{41}, st.current().number, st.wanted}, "container-1"});
  REQUIRE(st.run_until([&] { return st.current().shards[0].epoch.value == 42; }, 200ms));
  for (const auto& e : st.current().shards) CHECK(e.epoch.value == 42);
  for (const auto& e : st.current().shards) CHECK(e.previous_owner == e.owner);
}

TEST_CASE("lost ledger: a view that nobody delivers is not waited for for ever") {
  stage st;
  const node_card card{"container-1", role::container, 99, 9, true, {}, {}, {}, 1, {}, {}};
  st.add("container-2", role::container);
  st.nodes["container-1"].card = card;
  st.nodes["container-1"].hung = true;
  st.feed(control::joined{{card, {}, {}, view_number{50}, st.wanted}, "container-1"});
  st.run(1s);
  CHECK(st.seen<control::pull_view>().size() == 1);
  for (const auto& e : st.current().shards) CHECK_FALSE(e.owned());
  st.nodes["container-1"].running = false;
  st.run(3s);
  CHECK(st.noted("does not give it"));
  CHECK(st.current().shards[0].owned());
}

namespace {

// Anything may happen to anybody at any time; the stage holds every view against the rules.
void live_through(unsigned seed, std::uint16_t replicas, int steps) {
  CAPTURE(seed);
  settings s;
  s.shard_count = 24;
  s.replicas = replicas;
  stage st{s};
  std::mt19937 random{seed};
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  st.add_containers(1, 4);
  for (int i = 0; i < steps; ++i) {
    const auto name = "container-" + std::to_string(1 + pick(6));
    const auto known = st.nodes.find(name);
    const bool running = known != st.nodes.end() && known->second.running;
    switch (pick(12)) {
    case 0:
    case 1:
      if (running) st.kill(name);
      break;
    case 2:
      if (running) st.hang(name);
      break;
    case 3:
    case 4:
    case 5:
      if (!running || known->second.hung) st.add(name, role::container, pick(4) != 0);
      break;
    case 6:
      st.lose_next_race = true;
      break;
    case 7:
      if (pick(10) == 0) {
        st.restart_coordinator();
        st.run(10ms);
        st.rejoin_all();
      }
      break;
    case 8:
      if (pick(5) == 0) st.stall_coordinator(duration{1000 * pick(900)});
      break;
    case 9:
      st.cuts.insert({"container-" + std::to_string(1 + pick(6)), name});
      break;
    case 10:
      st.cuts.clear();
      break;
    default:
      st.fill_time = duration{1000 * pick(300)};
      break;
    }
    st.run(duration{1000 * (5 + pick(pick(4) == 0 ? 3000 : 200))});
  }
  st.cuts.clear();
  st.launcher = true;
  for (int i = 1; i <= 6; ++i) {
    const auto name = "container-" + std::to_string(i);
    const auto known = st.nodes.find(name);
    if (known == st.nodes.end() || !known->second.running || known->second.hung)
      st.add(name, role::container);
  }
  CHECK(st.run_until_ready()); // it always recovers
}

// Under a sanitizer everything takes ten times as long, and a few lives show it every line.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned lives = 2, lives_with_two_replicas = 1;
constexpr auto cut_step = 175ms;
#else
constexpr unsigned lives = 12, lives_with_two_replicas = 4;
constexpr auto cut_step = 25ms;
#endif

} // namespace

TEST_CASE("fencing: a coordinator that hears nobody takes that for its own fault [Failure 2]") {
  for (auto cut_for = 150ms; cut_for <= 700ms; cut_for += cut_step) {
    CAPTURE(cut_for.count());
    auto st = formed(3);
    st.add("proxy-1", role::proxy);
    st.run(3s);
    const auto number = st.current().number;
    for (const auto& [name, n] : st.nodes)
      if (name != "coordinator-1") st.cuts.insert({"coordinator-1", name});
    st.run(cut_for);
    st.cuts.clear();
    st.run(2s);
    CHECK(st.seen<control::kill>().empty());
    CHECK(st.current().number == number);
  }
  // And then it believes its own ears again.
  auto st = formed(3);
  st.add("proxy-1", role::proxy);
  st.run(3s);
  for (const auto& [name, n] : st.nodes)
    if (name != "coordinator-1") st.cuts.insert({"coordinator-1", name});
  st.run(3s);
  CHECK(st.noted("hears nobody"));
  st.cuts.clear();
  st.run(1s);
  st.hang("container-2");
  REQUIRE(st.run_until([&] { return st.state("container-2") == member_state::down; }, 3s));
}

TEST_CASE("random life: no sequence of events breaks the rules, and the cluster always recovers") {
  for (unsigned seed = 1; seed <= lives; ++seed) live_through(seed, 1, 150);
  for (unsigned seed = 1; seed <= lives_with_two_replicas; ++seed) live_through(100 + seed, 2, 150);
}
