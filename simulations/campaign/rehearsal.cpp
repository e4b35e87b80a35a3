#include "simulations/campaign/rehearsal.hpp"

#include "protocol/applications/drill.hpp"
#include "protocol/cluster/ledger_record.hpp"
#include "protocol/core/base32.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/uri.hpp"
#include "simulations/agents/user_agent.hpp"
#include "simulations/campaign/alarm_clock.hpp"
#include "simulations/campaign/ladder.hpp"
#include "simulations/campaign/trace.hpp"
#include "simulations/oracle/invariants.hpp"
#include "simulations/plan/prose.hpp"
#include "simulations/simulation.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace holdfast::simulations {

namespace {

constexpr duration formation_max = 20s;
constexpr duration healing_max = 30s;
constexpr duration settling = 1s;
// From the death of a container until its calls must be served again, whoever fences it.
constexpr duration failover_max = 4s;
constexpr const char* drill_header = "X-Drill";
const endpoint stranger{"203.0.113.66", 5060};

simulation_options options_of(const run_plan& plan) {
  simulation_options o;
  o.seed = plan.seed;
  o.proxies = plan.cluster.proxies;
  o.containers = plan.cluster.containers;
  o.supervised = plan.cluster.supervised;
  o.shards = plan.cluster.shards;
  o.replicas = plan.cluster.replicas;
  o.timers = {plan.cluster.timer_t1, 8 * plan.cluster.timer_t1, 10 * plan.cluster.timer_t1};
  o.applications["alarm_clock"] = applications::type_of<alarm_clock>(
      [](const applications::settings&) { return result<void>{}; });
  o.rules.insert(o.rules.begin(), {.application = "alarm_clock",
                                   .methods = {},
                                   .domains = {},
                                   .users = {"alarm"},
                                   .settings = {}});
  for (auto& rule : o.rules) {
    rule.settings[applications::drill_setting] = drill_header;
    if (rule.application == "registrar") rule.settings["minimum_expires"] = "1";
  }
  return o;
}

// Everybody has an address of its own; a caller makes one call.
endpoint address_of(std::size_t number) {
  return {"198.51." + std::to_string(100 + number / 250) + "." + std::to_string(1 + number % 250),
          5060};
}

std::string caller_of(unsigned call) {
  return "alice-" + std::to_string(call);
}

class rehearsal {
public:
  rehearsal(run_plan plan, std::ostream* trace);
  ~rehearsal();
  rehearsal(const rehearsal&) = delete;
  rehearsal& operator=(const rehearsal&) = delete;

  run_result run();

private:
  void watch();
  void on_ledger(const std::string& bytes);
  void on_output(const simulated::output& seen);
  void enroll();
  void schedule_calls();
  void schedule_faults();
  void begin_fault(const fault& f);
  void end_fault(const fault& f);
  void set_weather();
  void send_garbage(unsigned count, duration within);
  void heal();
  bool wait_until_ready(duration patience);
  void probe();
  void place(const call_plan& call);
  void call_now(const std::string& callee);
  void request_in_every_call();
  void last_failover();
  void everybody_hangs_up();
  void collect();
  run_result finish();

  user_agent& agent(const std::string& user);
  [[nodiscard]] std::string busiest_container();
  void restart(const std::string& node);
  void restart_dead();
  void mark(const std::string& phase);

  evidence evidence_;
  std::optional<trace_file> trace_;
  std::unique_ptr<simulation> run_;
  std::map<endpoint, std::string> users_;
  std::map<std::string, std::unique_ptr<user_agent>> agents_;
  std::vector<fault> active_;
  std::map<std::pair<std::uint16_t, std::uint64_t>, std::string> speakers_; // shard, epoch -> owner
  std::map<std::pair<std::string, std::uint16_t>, std::uint64_t> accepted_; // proxy, shard -> epoch
  cluster::view ledger_view_;
  unsigned next_call_ = 1000;
  bool ended_ = false;
};

rehearsal::rehearsal(run_plan plan, std::ostream* trace) {
  evidence_.plan = std::move(plan);
  if (trace != nullptr) trace_.emplace(*trace);
}

// Agents hold on to the simulation, whose events hold on to them.
rehearsal::~rehearsal() {
  if (run_) run_->time().forget_all();
  simulated::on_output({});
}

run_result rehearsal::run() {
  const auto began = std::chrono::steady_clock::now();
  auto& plan = evidence_.plan;
  run_result result;
  try {
    simulated::reset(plan.seed, plan.buggify);
    if (!plan.planted.empty() && !simulated::plant(plan.planted))
      throw std::invalid_argument("there is no defect '" + plan.planted + "'");
    if (trace_) trace_->plan(to_prose(plan), plan.seed);
    run_ = std::make_unique<simulation>(options_of(plan));
    watch();
    if (!wait_until_ready(formation_max)) throw std::runtime_error("the cluster did not form");
    evidence_.formed = run_->now();
    evidence_.faults_end = evidence_.formed + plan.faults_end;
    enroll();
    schedule_calls();
    schedule_faults();
    run_->run_for(plan.faults_end);
    heal();
    if (evidence_.ready_again) {
      probe();
      if (plan.last_failover) last_failover();
    }
    everybody_hangs_up();
    collect();
    result = finish();
  } catch (const std::exception& e) {
    result.findings.push_back({"I0", e.what(), 0, 0});
  }
  result.seed = plan.seed;
  if (run_) {
    result.hash = run_->hash();
    result.events = run_->events();
    result.simulated_us = run_->now().time_since_epoch() / 1us - 3'600'000'000;
  }
  for (const auto& f : plan.faults) ++result.faults[std::string{name_of(f.kind)}];
  result.calls = static_cast<std::uint32_t>(plan.calls.size());
  result.wall_us =
      std::chrono::duration_cast<duration>(std::chrono::steady_clock::now() - began).count();
  return result;
}

// ---- looking

void rehearsal::watch() {
  if (trace_) run_->time().trace_to([this](const timeline::step& s) { trace_->step(s); });
  run_->ledger().observe([this](const std::string& bytes) { on_ledger(bytes); });
  run_->network().observe_clients(
      [this](bool to_cluster, const endpoint& client, const std::string& bytes) {
        const auto known = users_.find(client);
        const auto user = known == users_.end() ? std::string{"a stranger"} : known->second;
        if (trace_) trace_->datagram(run_->now(), user, to_cluster ? "in" : "out", bytes);
        if (to_cluster) return;
        auto m = sip::parse(bytes);
        if (m && client == stranger && m->is_request())
          evidence_.told_to_strangers.emplace_back(run_->now(), m->method);
        if (m && known != users_.end())
          evidence_.log.push_back({run_->now(), passage::left, user,
                                   std::make_shared<const sip::message>(std::move(*m)),
                                   std::hash<std::string>{}(bytes)});
      });
  simulated::on_output([this](const simulated::output& seen) { on_output(seen); });
}

void rehearsal::on_output(const simulated::output& seen) {
  const auto say = [&](const std::string& what) {
    evidence_.double_outputs.push_back(
        {run_->now(), shard_id{seen.shard}, epoch{seen.epoch}, what});
  };
  const auto shard = "shard " + std::to_string(seen.shard);
  const auto in_epoch = " in epoch " + std::to_string(seen.epoch);
  const std::string owner{seen.owner}, proxy{seen.proxy};
  const auto [speaker, first] = speakers_.try_emplace({seen.shard, seen.epoch}, owner);
  if (!first && speaker->second != owner)
    say(shard + " spoke through " + speaker->second + " and " + owner + in_epoch);
  auto& highest = accepted_[{proxy, seen.shard}];
  if (seen.epoch < highest)
    say(proxy + " let " + shard + " out" + in_epoch + " after " + std::to_string(highest));
  highest = std::max(highest, seen.epoch);
}

// Every view at the moment at which it becomes valid: who lost what, and was it true?
void rehearsal::on_ledger(const std::string& bytes) {
  const auto record = decode<cluster::ledger_record>(bytes);
  if (!record) return;
  const auto& next = record->now_valid;
  const auto really_alive = [&](const node_id& id) {
    const auto* m = ledger_view_.find(id);
    return m != nullptr && run_->alive(m->card.name, m->card.pid);
  };
  for (std::size_t i = 0; i < std::min(next.shards.size(), ledger_view_.shards.size()); ++i) {
    const auto& before = ledger_view_.shards[i];
    const auto& after = next.shards[i];
    if (after.epoch == before.epoch || !before.owned()) continue;
    takeover t{run_->now(),          shard_id{static_cast<std::uint16_t>(i)},      after.epoch,
               after.previous_fence, after.previous_fence == cluster::fence::none, false};
    t.copy_survived =
        really_alive(before.owner)
        || std::any_of(before.replicas.begin(), before.replicas.end(),
                       [&](const auto& r) { return r.in_sync && really_alive(r.node); });
    evidence_.takeovers.push_back(t);
  }
  ledger_view_ = next;
  if (trace_) trace_->view(run_->now(), next);
}

user_agent& rehearsal::agent(const std::string& user) {
  auto& known = agents_[user];
  if (!known) {
    const auto where = address_of(users_.size());
    users_[where] = user;
    known = std::make_unique<user_agent>(
        *run_, evidence_.log, where, user, options_of(evidence_.plan).timers,
        [this](unsigned number) { return evidence_.plan_of(number); });
  }
  return *known;
}

// ---- the safety phase

void rehearsal::enroll() {
  for (const auto& r : evidence_.plan.registrations) {
    agent(r.user).enroll(r.expires_s);
    const auto uri = sip::parse_uri("sip:" + r.user + "@example.com");
    evidence_.shard_of_user[r.user] = cluster::home_shard(
        session::directory_key_of_aor(sip::canonical_aor(*uri)), evidence_.plan.cluster.shards);
    evidence_.registered_at[r.user] = run_->now();
  }
  if (evidence_.plan.registrations.empty()) return;
  run_->run_for(500ms);
  for (const auto& r : evidence_.plan.registrations)
    if (agent(r.user).enrolled() == 200) evidence_.registered[r.user] = r.expires_s;
  evidence_.formed = run_->now();
  evidence_.faults_end = evidence_.formed + evidence_.plan.faults_end;
}

void rehearsal::schedule_calls() {
  for (std::size_t i = 0; i < evidence_.plan.calls.size(); ++i)
    run_->after(evidence_.plan.calls[i].at, [this, i] { place(evidence_.plan.calls[i]); });
}

void rehearsal::place(const call_plan& call) {
  agent(caller_of(call.number)).place(call);
}

void rehearsal::schedule_faults() {
  for (const auto& f : evidence_.plan.faults) {
    run_->after(f.at, [this, f] { begin_fault(f); });
    if (f.at + f.lasts < evidence_.plan.faults_end)
      run_->after(f.at + f.lasts, [this, f] { end_fault(f); });
  }
}

void rehearsal::begin_fault(const fault& f) {
  if (ended_) return;
  active_.push_back(f);
  if (trace_) trace_->fault(run_->now(), to_prose(f));
  auto& r = *run_;
  switch (f.kind) {
  case fault_kind::crash:
    r.crash(f.node);
    break;
  case fault_kind::hang:
    if (r.alive(f.node)) r.hang(f.node);
    break;
  case fault_kind::slow:
    r.slow_down(f.node, f.amount);
    break;
  case fault_kind::cut:
    r.cut(f.node, f.other);
    break;
  case fault_kind::deaf:
    r.network().cut_one_way(f.other, f.node);
    break;
  case fault_kind::isolate:
    for (const auto& other : r.nodes())
      if (other != f.node) r.cut(f.node, other);
    break;
  case fault_kind::loss:
  case fault_kind::duplication:
  case fault_kind::lateness:
  case fault_kind::inside_loss:
    set_weather();
    break;
  case fault_kind::ledger_slow:
    r.ledger().set_mood(simulated_ledger::mood::slow);
    break;
  case fault_kind::ledger_unreachable:
    r.ledger().set_mood(simulated_ledger::mood::unreachable);
    break;
  case fault_kind::ledger_forgetful:
    r.ledger().set_mood(simulated_ledger::mood::forgetful);
    break;
  case fault_kind::strangers:
    send_garbage(f.amount, f.lasts);
    break;
  }
}

void rehearsal::end_fault(const fault& f) {
  if (ended_) return;
  std::erase(active_, f);
  auto& r = *run_;
  switch (f.kind) {
  case fault_kind::crash:
    if (!r.alive(f.node)) restart(f.node);
    break;
  case fault_kind::hang:
    r.resume(f.node);
    break;
  case fault_kind::slow:
    r.slow_down(f.node, 1);
    break;
  case fault_kind::cut:
  case fault_kind::deaf:
    r.heal(f.node, f.other);
    break;
  case fault_kind::isolate:
    for (const auto& other : r.nodes())
      if (other != f.node) r.heal(f.node, other);
    break;
  case fault_kind::loss:
  case fault_kind::duplication:
  case fault_kind::lateness:
  case fault_kind::inside_loss:
    set_weather();
    break;
  case fault_kind::ledger_slow:
  case fault_kind::ledger_unreachable:
  case fault_kind::ledger_forgetful:
    r.ledger().set_mood(simulated_ledger::mood::fine);
    break;
  case fault_kind::strangers:
    break;
  }
}

void rehearsal::set_weather() {
  weather clients, inside;
  for (const auto& f : active_) {
    if (f.kind == fault_kind::loss) clients.lost += f.amount * 10;
    if (f.kind == fault_kind::duplication) clients.doubled += f.amount * 10;
    if (f.kind == fault_kind::lateness) clients.late += f.amount * 10;
    if (f.kind == fault_kind::inside_loss) inside.lost += f.amount * 10;
  }
  run_->network().set_weather(clients, inside);
}

// A 2xx to an INVITE that the cluster never sent, under a token of the right form and the wrong
// MAC.
std::string forged_success() {
  std::string body(21, '\0');
  body[0] = 1; // the key in use
  const auto token = to_base32(body);
  return "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK" + token
         + ".1\r\nFrom: <sip:a@example.com>;tag=" + token
         + "-1\r\nTo: <sip:b@example.com>;tag=1\r\nCall-ID: forged\r\nCSeq: 1 "
           "INVITE\r\nContact: <sip:stranger@"
         + to_string(stranger) + ">\r\n\r\n";
}

// Nothing of it is SIP that means anything to anybody.
void rehearsal::send_garbage(unsigned count, duration within) {
  static const std::string samples[] = {
      "\r\n\r\n",
      "INVITE",
      "INVITE sip:answer@example.com SIP/2.0\r\n\r\n",
      "BYE sip:nobody@example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;"
      "tag=1\r\nTo: <sip:b@b>;tag=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nCall-ID: garbage\r\nCSeq: "
      "1 "
      "BYE\r\nMax-Forwards: 70\r\n\r\n",
      "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n\r\n",
      "OPTIONS sip:answer@example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK2\r\nFrom: "
      "<sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: garbage\r\nCSeq: 99999999999 OPTIONS\r\n\r\n",
      forged_success(),
      std::string(2000, '\xff')};
  for (unsigned i = 0; i < count; ++i) {
    const auto& bytes = samples[run_->random() % std::size(samples)];
    const auto when = within * static_cast<int>(i) / static_cast<int>(count);
    run_->after(when, [this, &bytes] { run_->send(stranger, bytes); });
  }
}

// ---- the liveness phase

void rehearsal::heal() {
  ended_ = true;
  auto& r = *run_;
  simulated::quiet();
  r.network().set_weather({}, {});
  r.ledger().set_mood(simulated_ledger::mood::fine);
  for (const auto& name : r.nodes()) {
    if (!r.alive(name)) continue;
    r.slow_down(name, 1);
    if (!r.running(name)) r.resume(name);
  }
  r.network().heal_all();
  restart_dead();
  mark("faults end");
  evidence_.ready_again = wait_until_ready(healing_max);
  run_->run_for(settling);
  evidence_.healed = r.now();
}

void rehearsal::restart_dead() {
  for (const auto& name : run_->nodes())
    if (!run_->alive(name)) restart(name);
}

// What a process knew it knows no more.
void rehearsal::restart(const std::string& node) {
  std::erase_if(accepted_, [&](const auto& a) { return a.first.first == node; });
  run_->restart(node);
}

void rehearsal::mark(const std::string& phase) {
  if (trace_) trace_->mark(run_->now(), phase);
}

// Nodes that find out that they were given up end by themselves, and a launcher starts them again.
bool rehearsal::wait_until_ready(duration patience) {
  constexpr duration step = 50ms;
  for (duration waited{}; waited < patience; waited += step) {
    run_->run_for(step);
    restart_dead();
    if (run_->ready()) return true;
  }
  return false;
}

void rehearsal::call_now(const std::string& callee) {
  call_plan call;
  call.number = next_call_++;
  call.callee = callee;
  call.holds = 1h;
  evidence_.plan.calls.push_back(call);
  place(call);
}

void rehearsal::request_in_every_call() {
  for (const auto& call : evidence_.plan.calls) {
    const bool two_ends = call.callee != "answer" && call.callee != "alarm";
    const bool by_callee = two_ends && run_->random() % 2 == 0;
    auto& who = agent(by_callee ? call.callee : caller_of(call.number));
    who.request_in(call.number, "INFO");
  }
}

void rehearsal::probe() {
  evidence_.plan.calls.reserve(evidence_.plan.calls.size() + 16); // agents look plans up
  request_in_every_call();
  call_now("answer");
  for (const auto& r : evidence_.plan.registrations) call_now(r.user);
  run_->run_for(1500ms);
}

std::string rehearsal::busiest_container() {
  std::map<std::string, std::uint32_t> sessions;
  for (const auto& row : run_->shards()) sessions[row.owner.name] += row.sessions;
  const auto most =
      std::max_element(sessions.begin(), sessions.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == sessions.end() ? "container-1" : most->first;
}

void rehearsal::last_failover() {
  const auto victim = busiest_container();
  evidence_.last_crash = run_->now();
  run_->crash(victim);
  mark(victim + " crashes once more");
  run_->run_for(failover_max);
  evidence_.recovered = run_->now();
  request_in_every_call();
  call_now("answer");
  run_->run_for(1s);
  restart(victim);
  if (!wait_until_ready(healing_max)) evidence_.recovered.reset();
}

void rehearsal::everybody_hangs_up() {
  evidence_.hung_up = run_->now();
  for (const auto& [user, a] : agents_)
    for (const auto& [call_id, end] : a->ends()) evidence_.ends_before.push_back(end);
  for (const auto& call : evidence_.plan.calls) {
    const bool two_ends = call.callee != "answer" && call.callee != "alarm";
    auto& caller = agent(caller_of(call.number));
    caller.cancel(call.number);
    const bool by_callee = two_ends && call.hangs_up == side::callee;
    (by_callee ? agent(call.callee) : caller).hang_up(call.number);
  }
  run_->run_for(evidence_.sixty_four_t1() + failover_max + 2 * settling);
}

// ---- judging

void rehearsal::collect() {
  auto& e = evidence_;
  e.end = run_->now();
  e.last_view = run_->view();
  e.last_rows = run_->shards();
  e.fail_stops = run_->fail_stops();
  for (const auto& name : run_->nodes())
    if (run_->alive(name)) e.alive.insert(name);
  for (const auto& [user, a] : agents_)
    for (const auto& [call_id, end] : a->ends()) {
      e.ends.push_back(end);
      if (const auto where = run_->address_of(end.remote_tag))
        e.shard_of_call[call_id] = where->shard;
    }
  e.index();
}

run_result rehearsal::finish() {
  run_result result;
  const auto found = judge(evidence_);
  for (const auto& v : found) {
    result.findings.push_back({v.invariant, v.what, v.call, (v.at - evidence_.formed).count()});
    if (trace_) trace_->finding(v.at, v.invariant, v.what);
  }
  if (!found.empty()) result.ladder = ladder(evidence_, found.front().call);
  for (const auto kind : {simulated::point_kind::buggify, simulated::point_kind::sometimes,
                          simulated::point_kind::planted})
    for (const auto* p : simulated::points(kind))
      result.points.push_back({static_cast<std::uint8_t>(kind), std::string{p->name}, p->asked,
                               p->fired, p->fired > 0 ? 1U : 0U});
  return result;
}

} // namespace

run_result rehearse(const run_plan& plan, std::ostream* trace) {
  return rehearsal{plan, trace}.run();
}

} // namespace holdfast::simulations
