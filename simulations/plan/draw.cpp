#include "simulations/plan/draw.hpp"

#include "simulations/plan/ambush.hpp"
#include "simulations/plan/dice.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace holdfast::simulations {

namespace {

constexpr std::size_t calls_max = 12;
// Between two faults that may take a container, where a plan is gentle: so long the cluster needs
// at most until everything has two copies again.
constexpr duration recovery{3s};

cluster_plan draw_cluster(dice& d) {
  cluster_plan c;
  c.proxies = d.between(1, 3);
  c.containers = d.between(2, 4);
  c.shards = static_cast<std::uint16_t>(4 * d.between(1, 3));
  c.replicas = c.containers > 2 && d.percent(25) ? 2 : 1;
  c.supervised = d.percent(65);
  if (d.percent(15)) c.timer_t1 = 500ms;
  return c;
}

// ---- calls

struct taste {
  bool answers, alarms, registered, cancels, rejects, forgetful, exceptions, re_invites, infos;
};

taste draw_taste(dice& d) {
  taste t{};
  t.answers = d.percent(60);
  t.alarms = d.percent(50);
  t.registered = d.percent(75);
  t.cancels = d.percent(35);
  t.rejects = d.percent(25);
  t.forgetful = d.percent(10);
  t.exceptions = d.percent(20);
  t.re_invites = d.percent(40);
  t.infos = d.percent(60);
  if (!t.answers && !t.alarms) t.registered = true;
  return t;
}

std::string draw_callee(dice& d, const taste& t, const std::vector<registration_plan>& users) {
  std::vector<std::string> choice;
  if (t.answers) choice.emplace_back("answer");
  if (t.alarms) choice.emplace_back("alarm");
  if (t.registered && !users.empty()) choice.push_back(users[d.below(users.size())].user);
  return choice[d.below(choice.size())];
}

void draw_requests(dice& d, const taste& t, call_plan& call) {
  const bool two_ends = has_callee(call);
  const auto count = d.below(3);
  for (std::size_t i = 0; i < count; ++i) {
    in_call_request r;
    r.from = two_ends && d.percent(50) ? side::callee : side::caller;
    const bool re_invite = t.re_invites && (!t.infos || d.percent(40));
    if (!re_invite && !t.infos) return;
    r.method = re_invite ? "INVITE" : "INFO";
    r.after = d.time(100ms, std::max<duration>(200ms, call.holds - 100ms));
    r.throws = t.exceptions && d.percent(30);
    call.requests.push_back(r);
    // Glare: the other side has the same idea at the same time (RFC 3261 14.1).
    if (re_invite && two_ends && d.percent(30)) {
      r.from = r.from == side::caller ? side::callee : side::caller;
      r.throws = false;
      call.requests.push_back(r);
    }
  }
}

call_plan draw_call(dice& d, const taste& t, const run_plan& plan, unsigned number) {
  call_plan call;
  call.number = number;
  call.at = d.time({}, plan.faults_end);
  call.callee = draw_callee(d, t, plan.registrations);
  // Half of them stand through all of it.
  call.holds = d.percent(50) ? d.time(1s, 6s) : plan.faults_end + 60s;
  const bool two_ends = has_callee(call);
  if (two_ends) {
    if (d.percent(50)) call.rings = d.time(100ms, 3s);
    if (t.rejects && d.percent(40)) {
      constexpr int statuses[] = {486, 603, 404, 503, 488};
      call.rejects = statuses[d.below(std::size(statuses))];
    }
    if (d.percent(50)) call.hangs_up = side::callee;
  }
  if (t.cancels && d.percent(40)) call.cancels_after = d.time(20ms, 2s);
  if (t.forgetful && d.percent(30)) call.acknowledges = false;
  call.throws = t.exceptions && d.percent(20);
  draw_requests(d, t, call);
  return call;
}

void draw_calls(dice& d, run_plan& plan) {
  const auto t = draw_taste(d);
  if (t.registered)
    for (std::size_t i = 1, n = d.between(1, 4); i <= n; ++i) {
      const auto expires = d.percent(20) ? static_cast<std::uint32_t>(d.between(2, 5)) : 600U;
      plan.registrations.push_back({numbered("bob-", i), expires});
    }
  const auto count = d.between(2, calls_max);
  const bool burst = d.percent(20);
  for (unsigned i = 1; i <= count; ++i) plan.calls.push_back(draw_call(d, t, plan, i));
  if (burst) {
    const auto when = d.time({}, plan.faults_end);
    for (auto& call : plan.calls) call.at = when + (call.at % 100ms);
  }
}

// ---- faults

std::string draw_node(dice& d, const cluster_plan& c, std::size_t containers_percent) {
  if (d.percent(containers_percent)) return numbered("container-", d.between(1, c.containers));
  const auto other = d.below(c.proxies + 2);
  if (other == 0) return "coordinator-1";
  return other == 1 ? "dispatcher-1" : numbered("proxy-", other - 1);
}

// A dispatcher is the only one of its kind: without it there is no world outside.
std::string draw_victim(dice& d, const cluster_plan& c) {
  const auto node = draw_node(d, c, 65);
  return node == "dispatcher-1" && d.percent(80) ? "coordinator-1" : node;
}

fault draw_fault(dice& d, const run_plan& plan, fault_kind kind) {
  const auto& c = plan.cluster;
  fault f;
  f.kind = kind;
  f.at = d.time({}, plan.faults_end - 100ms);
  f.lasts = d.time(100ms, 3s);
  switch (kind) {
  case fault_kind::crash:
    f.node = draw_victim(d, c);
    f.lasts = d.percent(70) ? d.time(50ms, 3s) : plan.faults_end;
    break;
  case fault_kind::hang:
    f.node = draw_victim(d, c);
    break;
  case fault_kind::slow:
    f.node = draw_node(d, c, 60);
    f.amount = static_cast<unsigned>(std::size_t{2} << d.below(6));
    break;
  case fault_kind::damage:
    f.amount = static_cast<unsigned>(d.between(10, 100));
    [[fallthrough]];
  case fault_kind::cut:
  case fault_kind::deaf:
    f.node = draw_node(d, c, 80);
    do f.other = draw_node(d, c, 40);
    while (f.other == f.node);
    break;
  case fault_kind::isolate:
    f.node = draw_victim(d, c);
    break;
  case fault_kind::loss:
  case fault_kind::duplication:
  case fault_kind::lateness:
    f.amount = static_cast<unsigned>(d.between(1, 40));
    break;
  case fault_kind::inside_loss:
    f.amount = static_cast<unsigned>(d.between(1, 30));
    break;
  case fault_kind::strangers:
    f.amount = static_cast<unsigned>(d.between(5, 40));
    break;
  case fault_kind::drain:
  case fault_kind::replace:
    f.node = numbered("container-", d.between(1, c.containers));
    break;
  case fault_kind::move:
    f.node = numbered("container-", d.between(1, c.containers));
    f.amount = static_cast<unsigned>(d.below(c.shards));
    f.lasts = {};
    break;
  case fault_kind::crowd:
    f.amount = static_cast<unsigned>(d.between(10, 100));
    f.lasts = d.time(500ms, 2s);
    break;
  case fault_kind::ledger_slow:
  case fault_kind::ledger_unreachable:
  case fault_kind::ledger_forgetful:
    break;
  }
  return f;
}

bool takes_container(const fault& f) {
  const bool harmful = f.kind == fault_kind::crash || f.kind == fault_kind::hang
                       || f.kind == fault_kind::isolate || f.kind == fault_kind::cut
                       || f.kind == fault_kind::deaf || f.kind == fault_kind::slow
                       || f.kind == fault_kind::damage;
  return harmful && f.node.starts_with("container");
}

// At most one container is in trouble at a time, and the cluster has time to recover between.
void make_gentle(std::vector<fault>& faults) {
  duration next_allowed{};
  std::erase_if(faults, [&](const fault& f) {
    if (!takes_container(f)) return false;
    if (f.at < next_allowed) return true;
    next_allowed = f.at + f.lasts + recovery;
    return false;
  });
}

void draw_faults(dice& d, run_plan& plan) {
  std::vector<fault_kind> allowed;
  for (std::size_t k = 0; k <= static_cast<std::size_t>(fault_kind::strangers); ++k)
    if (d.percent(k == 0 ? 70 : 25)) allowed.push_back(static_cast<fault_kind>(k));
  if (allowed.empty()) allowed.push_back(fault_kind::crash);
  const auto count = d.between(1, d.percent(30) ? 10 : 4);
  for (std::size_t i = 0; i < count; ++i)
    plan.faults.push_back(draw_fault(d, plan, allowed[d.below(allowed.size())]));
  const bool crashes = std::count(allowed.begin(), allowed.end(), fault_kind::crash) > 0;
  const auto& c = plan.cluster;
  if (crashes && d.percent(20)) { // another one while the first is made up for
    auto first = draw_fault(d, plan, fault_kind::crash);
    first.node = numbered("container-", d.between(1, c.containers));
    auto second = first;
    second.node = numbered("container-", d.between(1, c.containers));
    second.at += d.percent(30) ? duration{} : d.time(10ms, 500ms);
    plan.faults.push_back(first);
    if (second.node != first.node) plan.faults.push_back(second);
  }
  if (crashes && d.percent(15)) { // flapping
    auto f = draw_fault(d, plan, fault_kind::crash);
    f.lasts = d.time(50ms, 300ms);
    for (int i = 0; i < 4; ++i, f.at += f.lasts + 400ms) plan.faults.push_back(f);
  }
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const fault& a, const fault& b) { return a.at < b.at; });
  if (d.percent(65)) make_gentle(plan.faults);
  std::erase_if(plan.faults, [&](const fault& f) { return f.at >= plan.faults_end; });
}

// Calls of further kinds, besides the others.
void draw_extensions(dice& d, run_plan& plan) {
  if (d.percent(25)) {
    const auto users = d.between(1, 2);
    for (std::size_t i = 1; i <= users; ++i)
      plan.registrations.push_back({numbered("carol-", i), 600});
    const auto drawn = plan.calls.size();
    for (std::size_t i = 0, n = d.between(1, 4); i < n; ++i) {
      auto call = plan.calls[d.below(drawn)];
      call.number = static_cast<unsigned>(plan.calls.size()) + 1;
      call.callee = numbered("carol-", d.between(1, users));
      call.acknowledges = true;
      plan.calls.push_back(call);
    }
  }
  if (d.percent(20))
    for (auto& call : plan.calls)
      if (has_callee(call) && call.rings > duration{}) call.reliable = d.percent(70);
  if (!d.percent(3)) return;
  plan.waits = 100s;
  for (std::size_t i = 0, n = std::min<std::size_t>(plan.calls.size(), 3); i < n; ++i) {
    auto& call = plan.calls[i];
    if (is_proxied(call) || call.cancels_after || !call.acknowledges) continue;
    call.session_s = 90;
    call.holds = plan.faults_end + plan.waits + 60s;
    call.requests.clear();
    if (d.percent(50)) call.silent_after = d.time(100ms, 3s);
  }
}

// Registrations that somebody watches.
void draw_watchers(dice& d, run_plan& plan) {
  if (!d.percent(20)) return;
  for (auto& r : plan.registrations) r.watched = d.percent(60);
}

// Wrong bytes, in some runs besides the other faults; where those are gentle these are as well.
void draw_damage(dice& d, run_plan& plan) {
  if (!d.percent(15)) return;
  const bool gentle = d.percent(65);
  for (std::size_t i = 0, n = d.between(1, 3); i < n; ++i)
    plan.faults.push_back(draw_fault(d, plan, fault_kind::damage));
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const fault& a, const fault& b) { return a.at < b.at; });
  if (gentle) make_gentle(plan.faults);
}

// What operators and crowds do, in some runs besides the faults and in some instead of them.
void draw_operations(dice& d, run_plan& plan) {
  if (!d.percent(30)) return;
  if (d.percent(40)) plan.faults.clear();
  constexpr fault_kind kinds[] = {fault_kind::drain, fault_kind::replace, fault_kind::move,
                                  fault_kind::crowd};
  for (std::size_t i = 0, n = d.between(1, 4); i < n; ++i) {
    const auto kind = kinds[d.below(std::size(kinds))];
    plan.faults.push_back(draw_fault(d, plan, kind));
  }
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const fault& a, const fault& b) { return a.at < b.at; });
  if (d.percent(50)) plan.cluster.message_rate = static_cast<std::uint32_t>(d.between(100, 250));
}

} // namespace

const std::vector<drawn_scenario>& drawn_scenarios() {
  static const std::vector<drawn_scenario> all = {
      {"random", "calls and faults of every kind (what is run without --scenario)"},
      {"calm", "calls of every kind, no faults"},
      {"double", "two containers die within half a second"},
      {"coordinator", "only the coordinator and its ledger are in trouble"},
      {"network", "only the network is in trouble"},
      {"ambush", "faults that conspire: what goes wrong, goes wrong while something else does"},
      {"operations", "containers are drained and replaced, shards move, crowds call"}};
  return all;
}

run_plan draw_plan(std::uint64_t seed, const std::string& scenario) {
  const auto& known = drawn_scenarios();
  if (std::none_of(known.begin(), known.end(), [&](const auto& s) { return s.name == scenario; }))
    throw std::invalid_argument("there is no scenario '" + scenario + "'");
  run_plan plan;
  plan.seed = seed;
  plan.scenario = scenario;
  dice d{seed * 2 + 1};
  plan.cluster = draw_cluster(d);
  plan.faults_end = plan.cluster.timer_t1 == 200ms ? d.time(3s, 8s) : d.time(5s, 12s);
  draw_calls(d, plan);
  if (d.percent(60)) plan.buggify = 250;
  plan.last_failover = d.percent(70);
  if (scenario == "calm") return plan;
  draw_faults(d, plan);
  dice more{seed * 2 + 1'000'000'007}; // of its own: what was drawn before stays what it was
  dice last{seed * 2 + 2'000'000'011};
  plan.to_the_end = last.percent(30);
  plan.cluster.mixed_versions = last.percent(20);
  dice traps{seed * 2 + 3'000'000'019};
  dice wrong{seed * 2 + 4'000'000'007};
  if (scenario == "random" || scenario == "network") draw_damage(wrong, plan);
  dice watchers{seed * 2 + 5'000'000'029};
  if (scenario == "random") {
    draw_operations(more, plan);
    draw_extensions(more, plan);
    draw_watchers(watchers, plan);
    if (traps.percent(20)) draw_ambush(traps, plan);
  }
  if (scenario == "ambush") draw_ambush(traps, plan);
  if (scenario == "double") {
    plan.faults.clear();
    const auto when = d.time(1s, plan.faults_end);
    const auto first = d.between(1, plan.cluster.containers);
    const auto second = first % plan.cluster.containers + 1;
    const auto again = d.time(100ms, 2s);
    const auto apart = d.time({}, 500ms);
    for (const auto& [n, later] : {std::pair{first, duration{}}, {second, apart}})
      plan.faults.push_back(
          {when + later, fault_kind::crash, numbered("container-", n), "", again, 0});
  } else if (scenario == "operations") {
    plan.faults.clear();
    while (plan.faults.empty()) draw_operations(more, plan);
  } else if (scenario == "coordinator" || scenario == "network") {
    std::erase_if(plan.faults, [&](const fault& f) {
      const bool of_network = (f.kind >= fault_kind::cut && f.kind <= fault_kind::inside_loss)
                              || f.kind == fault_kind::damage;
      const bool of_coordinator =
          f.kind >= fault_kind::ledger_slow && f.kind <= fault_kind::ledger_forgetful;
      return scenario == "network" ? !of_network
                                   : !of_coordinator && !f.node.starts_with("coordinator");
    });
  }
  return plan;
}

} // namespace holdfast::simulations
