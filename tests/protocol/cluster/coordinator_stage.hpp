// Everybody around the coordinator in virtual time: a ledger, a launcher, nodes with real failure
// detectors. Nodes obey views, fill replicas and report, as containers do; every view that is
// published is held against the rules that no sequence of events may break.
#pragma once

#include "protocol/cluster/coordinator.hpp"
#include "protocol/cluster/failure_detector.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::cluster::testing {

struct actor_in_stage {
  node_card card;
  incarnation given;
  view seen;
  bool running = true;
  bool hung = false; // runs, but says nothing
  bool linked = true;
  bool greets = true; // heartbeats leave
  failure_detector detector{50ms, 4};
};

class stage {
public:
  explicit stage(settings s = {}) : wanted{std::move(s)}, machine{"coordinator-1", wanted} {
    add("coordinator-1", role::coordinator);
  }

  // ---- what a test does
  void add(const std::string& name, role serves, bool supervised = true, std::uint32_t weight = 1) {
    auto& n = nodes[name];
    n = {};
    n.card = {name,
              serves,
              ++boots,
              1000 + static_cast<std::int64_t>(boots),
              supervised,
              {"h", 1},
              {"h", static_cast<std::uint16_t>(boots)},
              {"h", 3},
              weight,
              {},
              {}};
    join_from(name);
  }
  void add_containers(int from, int to) {
    for (int i = from; i <= to; ++i) add("container-" + std::to_string(i), role::container);
  }
  void join_from(const std::string& name) {
    auto& n = nodes.at(name);
    epoch highest;
    for (const auto& e : n.seen.shards) highest = std::max(highest, e.epoch);
    feed(control::link_up{name});
    feed(control::joined{{n.card, n.given, highest, n.seen.number, wanted}, name});
  }
  // kill -9; the launcher sees it at once, if there is one.
  void kill(const std::string& name) {
    auto& n = nodes.at(name);
    if (!std::exchange(n.running, false)) return;
    feed(control::link_lost{name});
    if (n.card.supervised) feed(control::process_ended{name, n.card.pid});
  }
  void hang(const std::string& name) { nodes.at(name).hung = true; }
  void restart_coordinator() {
    machine = coordinator{"coordinator-1", wanted};
    outstanding.reset();
    pending.clear();
    auto& own = nodes.at("coordinator-1");
    own.card.boot = ++boots;
    own.given = {};
    own.seen = {};
    restarted = true;
    own.detector = failure_detector{50ms, 4};
    feed(control::tick{});
    join_from("coordinator-1");
  }
  void rejoin_all() {
    for (auto& [name, n] : nodes)
      if (n.running && !n.hung && n.linked && name != "coordinator-1") join_from(name);
  }
  void run(duration time) {
    for (const auto end = now + time; now < end;) step();
  }
  template <class Condition>
  [[nodiscard]] bool run_until(Condition reached, duration at_most = 60s) {
    for (const auto end = now + at_most; now < end; step())
      if (reached()) return true;
    return reached();
  }
  [[nodiscard]] bool run_until_ready() {
    return run_until([&] { return machine.ready(); });
  }
  // The coordinator's process does not run for a while; the others do.
  void stall_coordinator(duration time) {
    stalled = true;
    run(time);
    stalled = false;
  }

  // ---- what a test looks at
  [[nodiscard]] const view& current() const { return machine.current(); }
  [[nodiscard]] node_id id(const std::string& name) const { return current().find(name)->id(); }
  [[nodiscard]] member_state state(const std::string& name) const {
    const auto* m = current().find(name);
    return m == nullptr ? member_state::joining : m->state;
  }
  [[nodiscard]] std::size_t owned(const std::string& name) const {
    return load_table::of(current().shards).owned_by(id(name));
  }
  [[nodiscard]] std::size_t held(const std::string& name) const {
    return load_table::of(current().shards).held_by(id(name));
  }
  [[nodiscard]] std::size_t unprotected() const {
    const auto& s = current().shards;
    return static_cast<std::size_t>(std::count_if(
        s.begin(), s.end(), [](const shard_entry& e) { return !e.protected_by_replica(); }));
  }
  template <class Effect>
  [[nodiscard]] std::vector<Effect> seen() const {
    std::vector<Effect> found;
    for (const auto& e : effects)
      if (const auto* x = std::get_if<Effect>(&e)) found.push_back(*x);
    return found;
  }
  [[nodiscard]] bool noted(const std::string& text) const {
    const auto notes = seen<control::note>();
    return std::any_of(notes.begin(), notes.end(),
                       [&](const auto& n) { return n.text.find(text) != std::string::npos; });
  }

  void feed(const control::event& e) { carry_out(machine.on(e, now)); }

  settings wanted;
  coordinator machine;
  std::map<std::string, actor_in_stage> nodes;
  control::effects effects; // all so far
  instant now{std::chrono::hours{1}};
  bool launcher = true; // kills, and confirms deaths
  bool ledger_answers = true;
  bool lose_next_race = false;
  bool forget_replies = false; // the ledger writes, and says that it did not
  duration ledger_time{2ms};
  duration fill_time{60ms};
  std::uint32_t sessions_per_shard = 3;
  std::optional<std::string> ledger;
  std::uint64_t ledger_number = 0;

private:
  struct copies {
    epoch of;
    std::set<node_id> full;             // hold everything the owner ever let out
    std::map<node_id, instant> filling; // since
  };

  void step() {
    now += 5ms;
    auto due = std::exchange(pending, {});
    for (auto& [at, e] : due) {
      if (at <= now && !stalled)
        deliver(e);
      else
        pending.emplace_back(at, std::move(e));
    }
    ++steps;
    if (steps % 10 == 0) heartbeats();
    if (steps % 10 == 5) reports();
    if (steps % 5 == 0 && !stalled) feed(control::tick{});
  }

  void deliver(const control::event& e) {
    if (std::holds_alternative<control::ledger_result>(e)) outstanding.reset();
    feed(e);
  }

  void heartbeats() {
    for (auto& [observer, n] : nodes) {
      if (!n.running || n.hung || (stalled && observer == "coordinator-1")) continue;
      const bool all = n.card.serves == role::coordinator;
      if (!all && n.card.serves != role::container) continue;
      std::vector<node_id> peers;
      const auto& v = all ? current() : n.seen;
      for (const auto& m : v.members)
        if (m.alive() && m.card.name != observer && (all || m.card.serves == role::container))
          peers.push_back(m.id());
      n.detector.watch(peers, now);
      for (const auto& p : peers) {
        const auto& peer = nodes.at(p.name);
        const bool cut = cuts.contains({observer, p.name});
        if (peer.running && !peer.hung && peer.greets && peer.given == p.incarnation && !cut)
          n.detector.heard(p, {}, now);
      }
      for (const auto& change : n.detector.tick(now)) {
        if (all)
          feed(control::peer_suspicion{"", change.of, change.suspected});
        else if (n.linked)
          later(1ms, control::peer_suspicion{observer, change.of, change.suspected});
      }
    }
  }

  void reports() {
    for (auto& [name, n] : nodes) {
      if (!n.running || n.hung || !n.linked || n.card.serves != role::container) continue;
      if (n.given.value == 0) continue;
      container_report r;
      r.view = n.seen.number;
      for (std::size_t i = 0; i < n.seen.shards.size(); ++i) {
        const auto& entry = n.seen.shards[i];
        if (entry.owner != node_id{name, n.given}) continue;
        r.shards.push_back(activity_of(shard_id{static_cast<std::uint16_t>(i)}, entry));
        r.sessions += sessions_per_shard;
      }
      later(1ms, control::reported{{name, n.given}, std::move(r)});
    }
  }

  shard_activity activity_of(shard_id id, const shard_entry& entry) {
    shard_activity a{id, entry.epoch, sessions_per_shard, {}, 0};
    auto& c = truth[id];
    if (c.of != entry.epoch) return a;
    for (const auto& r : entry.replicas) {
      const auto& peer = nodes.at(r.node.name);
      if (!peer.running || peer.hung || peer.given != r.node.incarnation) continue;
      const auto began = c.filling.try_emplace(r.node, now).first->second;
      if (!r.in_sync && now - began >= fill_time) c.full.insert(r.node);
      if (!r.in_sync && c.full.contains(r.node)) a.synced.push_back(r.node);
    }
    return a;
  }

  void carry_out(const control::effects& list) {
    for (const auto& e : list) {
      effects.push_back(e);
      std::visit([this](const auto& x) { carry_out(x); }, e);
    }
  }
  void carry_out(const control::load_ledger&) {
    later(ledger_time, control::ledger_state{ledger, ledger_answers ? "" : "no disk"});
  }
  void carry_out(const control::write_ledger& w) {
    REQUIRE_FALSE(outstanding); // one compare-and-swap at a time
    outstanding = w.number;
    const bool wins = w.number == ledger_number + 1 && ledger_answers && !lose_next_race;
    lose_next_race = false;
    if (wins) {
      ledger = w.bytes;
      ledger_number = w.number;
    }
    const bool told = wins && !forget_replies;
    later(ledger_time, control::ledger_result{w.number, told, forget_replies ? "no reply" : ""});
  }
  void carry_out(const control::publish& p) {
    REQUIRE(ledger);
    // Nothing is told to anybody that is not in the ledger.
    REQUIRE(decode<ledger_record>(*ledger)->now_valid == p.now_valid);
    if (p.now_valid.number > last_published.number) {
      hold_against_rules(last_published, p.now_valid);
      last_published = p.now_valid;
    } else {
      CHECK(restarted); // it knows no better yet; nobody listens
    }
    for (auto& [name, n] : nodes) give(n, p.now_valid);
  }
  void carry_out(const control::send_view& s) { give(nodes.at(s.to), current()); }
  void carry_out(const control::refuse&) {}
  void carry_out(const control::spawn& s) {
    REQUIRE(current().alive(s.on));
    for (const auto& o : s.shards) later(2ms, control::spawn_result{o.shard, o.epoch, true});
  }
  void carry_out(const control::kill& k) {
    auto& n = nodes.at(k.name);
    if (!n.card.supervised) later(1ms, control::kill_impossible{k.name, k.pid});
    if (!launcher || !n.card.supervised) return;
    if (n.card.pid == k.pid) n.running = false;
    later(3ms, control::process_ended{k.name, k.pid});
  }
  void carry_out(const control::pull_view& p) {
    const auto& n = nodes.at(p.from);
    if (n.running && !n.hung) later(2ms, control::view_offered{p.from, n.seen});
  }
  void carry_out(const control::operator_answer&) {}
  void carry_out(const control::note&) {}

  // A node that finds itself fenced ends at once, as the real one does.
  void give(actor_in_stage& n, const view& v) {
    if (!n.running || n.hung || !n.linked || v.number < n.seen.number) return;
    const auto* m = v.find(n.card.name);
    if (m == nullptr) return;
    if (m->card.boot != n.card.boot) return;
    if (!m->alive()) {
      n.running = false;
      return;
    }
    const auto* was = coordinator_of(n.seen);
    const auto* is = coordinator_of(v);
    const bool another = is != nullptr && (was == nullptr || was->id() != is->id());
    n.seen = v;
    n.given = m->incarnation;
    if (another && n.card.name != "coordinator-1") rejoin(n);
  }

  // As a hub does.
  void rejoin(const actor_in_stage& n) {
    epoch highest;
    for (const auto& e : n.seen.shards) highest = std::max(highest, e.epoch);
    later(1ms, control::joined{{n.card, n.given, highest, n.seen.number, wanted}, n.card.name});
  }

  void hold_against_rules(const view& before, const view& after) {
    for (std::size_t i = 0; i < after.shards.size(); ++i) {
      const auto& e = after.shards[i];
      const shard_entry was = i < before.shards.size() ? before.shards[i] : shard_entry{};
      CHECK(e.epoch >= was.epoch);
      if (e.owner != was.owner) CHECK(e.epoch > was.epoch);
      CHECK(e.replicas.size() <= wanted.replicas + 1U);
      std::set<node_id> once{e.owner};
      for (const auto& r : e.replicas) CHECK(once.insert(r.node).second);
      for (const auto& r : e.replicas) CHECK(after.alive(r.node));
      hold_copies_against_rules(shard_id{static_cast<std::uint16_t>(i)}, was, e);
      if (e.owned() && !after.alive(e.owner)) CHECK(e.owner == was.owner); // awaits a container
    }
  }

  void hold_copies_against_rules(shard_id id, const shard_entry& was, const shard_entry& e) {
    auto& c = truth[id];
    if (e.epoch > was.epoch && e.previous_fence == fence::none) c = {e.epoch, {e.owner}, {}};
    if (e.epoch > was.epoch && e.owner != was.owner && e.previous_fence != fence::none
        && was.epoch.value > 0) {
      CHECK(c.full.contains(e.owner)); // only who holds everything is promoted
      CHECK(e.previous_owner == was.owner);
    }
    if (e.epoch > c.of) { // a new owner brings the others up to date
      std::set<node_id> full{e.owner};
      for (const auto& r : e.replicas)
        if (r.in_sync && c.full.contains(r.node)) full.insert(r.node);
      c = {e.epoch, std::move(full), {}};
    }
    for (const auto& r : e.replicas) {
      const bool empty = e.previous_fence == fence::none && e.epoch > was.epoch;
      if (empty && r.in_sync) c.full.insert(r.node);
      if (r.in_sync) CHECK(c.full.contains(r.node));
    }
    std::erase_if(c.filling, [&](const auto& f) { return !replica_in(e, f.first); });
    std::erase_if(c.full, [&](const node_id& n) { return n != e.owner && !replica_in(e, n); });
  }

  static bool replica_in(const shard_entry& e, const node_id& n) {
    return std::any_of(e.replicas.begin(), e.replicas.end(),
                       [&](const replica& r) { return r.node == n; });
  }

  void later(duration after, control::event e) { pending.emplace_back(now + after, std::move(e)); }

public:
  std::set<std::pair<std::string, std::string>> cuts; // (observer, of): heartbeats do not arrive
  std::optional<std::uint64_t> outstanding;

private:
  std::vector<std::pair<instant, control::event>> pending;
  std::map<shard_id, copies> truth;
  view last_published;
  std::uint64_t boots = 0;
  std::uint64_t steps = 0;
  bool stalled = false;
  bool restarted = false;
};

} // namespace holdfast::cluster::testing
