#include "protocol/cluster/candidacy.hpp"
#include "protocol/cluster/coordinator.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

constexpr std::uint64_t own_boot = 22;

member coordinator_member(const std::string& name, std::uint64_t boot, std::uint32_t incarnation,
                          member_state state) {
  member m;
  m.card.name = name;
  m.card.serves = role::coordinator;
  m.card.boot = boot;
  m.card.pid = 1000 + static_cast<std::int64_t>(boot);
  m.incarnation = holdfast::incarnation{incarnation};
  m.state = state;
  return m;
}

using enum member_state;

// Of three coordinators, as coordinator-2 with boot 22 sees them.
view named(const std::string& whom, std::uint64_t number = 1) {
  view v;
  v.number.value = number;
  for (int i = 1; i <= 3; ++i) {
    const auto name = "coordinator-" + std::to_string(i);
    v.members.push_back(coordinator_member(name, static_cast<std::uint64_t>(i) * 11, 1,
                                           name == whom ? active : joining));
  }
  return v;
}

instant at(duration t) {
  return instant{} + 1h + t;
}

void suspect(candidacy& c, const std::string& name, duration when) {
  c.on_suspicion({name, incarnation{1}}, true, at(when));
}

void end(candidacy& c, int number, duration when) {
  c.on_end("coordinator-" + std::to_string(number), 1000 + number * 11, at(when));
}

struct row {
  const char* what;
  std::function<void(candidacy&)> facts; // the first at 0
  duration not_before;                   // it does not claim until then ...
  bool ever;                             // ... and does then, or not at all
};

} // namespace

TEST_CASE("candidacy: who claims, and when [design, Who does what]") {
  const row rows[] = {
      {"before the ledger was read nobody does", [](candidacy&) {}, 0s, false},
      {"the one that stands does not",
       [](candidacy& c) { c.on_view(named("coordinator-2"), at(0s)); }, 0s, false},
      {"one that hears the one that stands does not",
       [](candidacy& c) { c.on_view(named("coordinator-1"), at(0s)); }, 0s, false},
      {"an empty ledger: by the number in the name",
       [](candidacy& c) { c.on_view(view{}, at(0s)); }, claim_turn, true},
      {"nobody stands: the first by name that is well comes first",
       [](candidacy& c) { c.on_view(named(""), at(0s)); }, claim_turn, true},
      {"its own predecessor is named: at once",
       [](candidacy& c) {
         auto v = named("coordinator-2");
         v.members[1].card.boot = 7;
         c.on_view(v, at(0s));
       },
       0s, true},
      {"the process of the one that stands ended: at once, when nobody comes before it",
       [](candidacy& c) {
         c.on_view(named("coordinator-1"), at(0s));
         end(c, 1, 3s);
       },
       3s, true},
      {"its process ended, and another comes first",
       [](candidacy& c) {
         c.on_view(named("coordinator-3"), at(0s));
         end(c, 3, 3s);
       },
       3s + claim_turn, true},
      {"who would come first is suspected too",
       [](candidacy& c) {
         c.on_view(named("coordinator-3"), at(0s));
         suspect(c, "coordinator-1", 2s);
         end(c, 3, 3s);
       },
       3s, true},
      {"an older process of that name ended",
       [](candidacy& c) {
         c.on_view(named("coordinator-1"), at(0s));
         c.on_end("coordinator-1", 17, at(1s));
       },
       0s, false},
      {"its heartbeats stopped",
       [](candidacy& c) {
         c.on_view(named("coordinator-1"), at(0s));
         suspect(c, "coordinator-1", 3s);
       },
       3s, true},
      {"its heartbeats came back",
       [](candidacy& c) {
         c.on_view(named("coordinator-3"), at(0s));
         suspect(c, "coordinator-3", 3s);
         c.on_suspicion({"coordinator-3", incarnation{1}}, false, at(3050ms));
       },
       0s, false},
      {"somebody else is suspected",
       [](candidacy& c) {
         c.on_view(named("coordinator-1"), at(0s));
         suspect(c, "coordinator-3", 3s);
       },
       0s, false},
      {"a suspicion that waited while we slept counts from now",
       [](candidacy& c) {
         c.on_view(named("coordinator-3"), at(0s));
         suspect(c, "coordinator-3", 3s);
         c.on_late_tick(at(9s));
       },
       9s + claim_turn, true},
      {"it was taken over while it lived: the next suspicion waits",
       [](candidacy& c) {
         c.on_view(named("coordinator-1"), at(0s));
         c.on_view(named("coordinator-3", 2), at(1s));
         suspect(c, "coordinator-3", 2s);
       },
       2s + claim_turn + quarrel_patience, true},
      {"but a certain death does not",
       [](candidacy& c) {
         c.on_view(named("coordinator-1"), at(0s));
         c.on_view(named("coordinator-3", 2), at(1s));
         end(c, 3, 2s);
       },
       2s + claim_turn, true},
      {"who is in the ledger and lets nobody in is waited for, and not for ever",
       [](candidacy& c) {
         auto v = named("coordinator-1");
         v.members.erase(v.members.begin() + 1);
         c.on_view(v, at(0s));
       },
       unheard_patience, true},
      {"another process of its name came after it: never again",
       [](candidacy& c) {
         c.on_view(named("coordinator-2"), at(0s));
         auto v = named("coordinator-2", 2);
         v.members[1].card.boot = 99;
         v.members[1].incarnation.value = 2;
         c.on_view(v, at(1s));
       },
       0s, false},
  };
  for (const auto& r : rows) {
    CAPTURE(r.what);
    candidacy c{"coordinator-2"};
    c.on_own_boot(own_boot);
    r.facts(c);
    const bool claims = c.may_claim(at(r.ever ? r.not_before : 60s));
    CHECK(claims == r.ever);
    // What is not due yet; rows that are due at once have nothing before them.
    if (r.ever && r.not_before > 1s) CHECK_FALSE(c.may_claim(at(r.not_before - 1ms)));
    if (c.stands()) CHECK_FALSE(claims);
  }
}

TEST_CASE("candidacy: without the join of its own hub nobody stands or claims") {
  candidacy c{"coordinator-2"};
  c.on_view(named("coordinator-2"), at(0s));
  CHECK_FALSE(c.stands());
  CHECK_FALSE(c.may_claim(at(60s)));
}

// ---- two coordinators, one ledger ---------------------------------------------------------------

namespace {

// The ledger answers when it is told to; views reach the other one when they are carried.
class pair_of_coordinators {
public:
  pair_of_coordinators() {
    for (int i = 1; i <= 2; ++i) {
      machines.emplace_back("coordinator-" + std::to_string(i), settings{});
      effects.emplace_back();
    }
    for (std::size_t i = 0; i < 2; ++i) {
      tick(i);
      join(i, i);
      ledger_answers(i);
    }
    tick(0);
    ledger_answers(0);
    join(1, 0);
    ledger_answers(0);
    carry_views(0, 1);
    ledger_answers(1);
  }

  node_card card(std::size_t which) const {
    node_card c;
    c.name = "coordinator-" + std::to_string(which + 1);
    c.serves = role::coordinator;
    c.boot = 11 * (which + 1);
    c.pid = 1000 + static_cast<std::int64_t>(c.boot);
    return c;
  }
  void join(std::size_t who, std::size_t to) {
    feed(to, control::joined{{card(who), {}, {}, {}, settings{}}, card(who).name});
  }
  void feed(std::size_t which, const control::event& e) {
    for (auto& o : machines[which].on(e, now)) effects[which].push_back(std::move(o));
  }
  void tick(std::size_t which) { feed(which, control::tick{}); }
  void run(std::size_t which, duration time) {
    for (const auto until = now + time; now < until; now += coordinator_tick) {
      tick(which);
      ledger_answers(which);
    }
  }

  // Whatever that machine asked of the ledger so far, and what follows from the answers.
  void ledger_answers(std::size_t which) {
    for (std::size_t i = 0; i < effects[which].size(); ++i) {
      const auto order = effects[which][i]; // a copy: answers bring more of them
      if (std::holds_alternative<control::load_ledger>(order)) {
        effects[which][i] = control::note{};
        feed(which, control::ledger_state{number == 0 ? std::nullopt : std::optional{bytes}, ""});
      } else if (const auto* w = std::get_if<control::write_ledger>(&order)) {
        const auto write = *w;
        effects[which][i] = control::note{};
        const bool wins = take(write);
        feed(which, control::ledger_result{write.number, wins, ""});
      }
    }
  }
  bool take(const control::write_ledger& w) {
    if (w.number != number + 1) return false;
    number = w.number;
    bytes = w.bytes;
    return true;
  }
  void carry_views(std::size_t from, std::size_t to) {
    for (const auto& e : effects[from])
      if (const auto* p = std::get_if<control::publish>(&e))
        feed(to, control::view_offered{"", p->now_valid});
  }
  [[nodiscard]] std::size_t published(std::size_t which) const {
    std::size_t n = 0;
    for (const auto& e : effects[which]) n += std::holds_alternative<control::publish>(e) ? 1U : 0U;
    return n;
  }
  void suspect_the_first() {
    feed(1, control::peer_suspicion{"", {"coordinator-1", incarnation{1}}, true});
    tick(1);
  }

  instant now = instant{} + 1h;
  std::vector<coordinator> machines;
  std::vector<std::vector<control::effect>> effects;
  std::uint64_t number = 0;
  std::string bytes;
};

} // namespace

TEST_CASE("coordinators: one stands and admits the other, which decides nothing") {
  pair_of_coordinators two;
  CHECK(two.machines[0].stands());
  CHECK_FALSE(two.machines[1].stands());
  CHECK(two.machines[1].standing().name == "coordinator-1");
  CHECK(two.machines[1].current() == two.machines[0].current());
  const auto written = two.number;
  two.feed(1, control::operator_command{1, control::operator_verb::drain, "container-1", {}});
  two.run(1, 3s);
  CHECK(two.number == written);
}

TEST_CASE("coordinators: the other takes over by one write, and the first is fenced by it") {
  pair_of_coordinators two;
  const auto before = two.machines[1].current().number;
  two.suspect_the_first();
  two.ledger_answers(1);
  CHECK(two.machines[1].stands());
  CHECK(two.machines[1].current().number.value == before.value + 1);
  CHECK(two.machines[0].stands()); // it slept, and knows nothing of it
  SUBCASE("its next write fails, and it stands by") {
    const auto shown = two.published(0);
    auto stranger = two.card(0);
    stranger.name = "proxy-1";
    stranger.serves = role::proxy;
    two.feed(0, control::joined{{stranger, {}, {}, {}, settings{}}, "proxy-1"});
    two.ledger_answers(0);
    CHECK(two.published(0) == shown);
  }
  SUBCASE("it sees a view that is not its own, and asks the ledger") {
    two.carry_views(1, 0);
    two.ledger_answers(0);
  }
  SUBCASE("it hears nothing, and asks the ledger now and then") {
    two.run(0, 1100ms);
  }
  CHECK_FALSE(two.machines[0].stands());
  CHECK(two.machines[0].standing().name == "coordinator-2");
}

TEST_CASE("coordinators: dies before, between and after compare-and-swap and publication "
          "[design, Failure]") {
  pair_of_coordinators two;
  // A join is what it was about to write.
  node_card proxy;
  proxy.name = "proxy-1";
  proxy.serves = role::proxy;
  proxy.boot = 5;
  two.feed(0, control::joined{{proxy, {}, {}, {}, settings{}}, "proxy-1"});
  const auto known = two.machines[1].current().number;
  bool in_ledger = true;
  SUBCASE("before: nothing of it is seen again") {
    in_ledger = false;
  }
  SUBCASE("between: it was written and never published, and is in the next view") {
    for (const auto& e : std::vector(two.effects[0]))
      if (const auto* w = std::get_if<control::write_ledger>(&e)) CHECK(two.take(*w));
  }
  SUBCASE("after: as between, and the other one knows it already") {
    two.ledger_answers(0);
    two.carry_views(0, 1);
  }
  two.suspect_the_first();
  two.ledger_answers(1);
  REQUIRE(two.machines[1].stands());
  const auto& v = two.machines[1].current();
  CHECK(v.number > known);
  CHECK((v.find("proxy-1") != nullptr) == in_ledger);
  CHECK(coordinator_of(v)->card.name == "coordinator-2");
  CHECK(decode<ledger_record>(two.bytes)->now_valid == v);
  // And what the first one still had under way comes too late.
  two.ledger_answers(0);
  CHECK(decode<ledger_record>(two.bytes)->now_valid == v);
}

TEST_CASE(
    "coordinators: while the ledger does not answer nobody takes over, and the state says so") {
  pair_of_coordinators two;
  two.suspect_the_first();
  for (int i = 0; i < 40; ++i) {
    two.now += coordinator_tick;
    two.tick(1);
    for (std::size_t k = 0; k < two.effects[1].size(); ++k)
      if (std::holds_alternative<control::load_ledger>(two.effects[1][k])) {
        two.effects[1][k] = control::note{};
        two.feed(1, control::ledger_state{std::nullopt, "no etcd"});
      }
  }
  CHECK_FALSE(two.machines[1].stands());
  CHECK(two.machines[1].ledger().error == "no etcd");
  two.run(1, 500ms);
  CHECK(two.machines[1].stands());
  CHECK(two.machines[1].ledger().error.empty());
}
