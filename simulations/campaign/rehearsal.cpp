#include "simulations/campaign/rehearsal.hpp"

#include "protocol/applications/drill.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/sip/uri.hpp"
#include "simulations/agents/user_agent.hpp"
#include "simulations/campaign/alarm_clock.hpp"
#include "simulations/campaign/ladder.hpp"
#include "simulations/campaign/trace.hpp"
#include "simulations/campaign/troubles.hpp"
#include "simulations/campaign/witness.hpp"
#include "simulations/oracle/invariants.hpp"
#include "simulations/plan/prose.hpp"
#include "simulations/simulation.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
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
constexpr duration failover_max = 2500ms;
constexpr const char* drill_header = "X-Drill";
// How long calls of the liveness phase stand, and those of a crowd.
constexpr duration to_the_end = 1h;
constexpr duration crowd_holds = 2s;

// A list that is empty would stand for everybody.
std::vector<std::string> proxied_users(const run_plan& plan) {
  std::vector<std::string> users{"carol"};
  for (const auto& r : plan.registrations)
    if (r.user.starts_with("carol")) users.push_back(r.user);
  return users;
}

simulation_options options_of(const run_plan& plan) {
  simulation_options o;
  o.seed = plan.seed;
  o.proxies = plan.cluster.proxies;
  o.containers = plan.cluster.containers;
  o.supervised = plan.cluster.supervised;
  if (plan.cluster.mixed_versions)
    o.version_turns = [](bool later) { simulated::speak_later_version(later); };
  o.shards = plan.cluster.shards;
  o.replicas = plan.cluster.replicas;
  o.limits.message_rate_max = plan.cluster.message_rate;
  o.timers = {plan.cluster.timer_t1, 8 * plan.cluster.timer_t1, 10 * plan.cluster.timer_t1};
  o.applications["alarm_clock"] = applications::type_of<alarm_clock>(
      [](const applications::settings&) { return result<void>{}; });
  o.rules.insert(o.rules.begin(), {.application = "alarm_clock",
                                   .methods = {},
                                   .domains = {},
                                   .users = {"alarm"},
                                   .settings = {}});
  o.rules.insert(o.rules.end() - 1, {.application = "proxy",
                                     .methods = {},
                                     .domains = {},
                                     .users = proxied_users(plan),
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

std::string watcher_of(const std::string& user) {
  return "watcher-of-" + user;
}

std::string caller_of(unsigned call) {
  return "alice-" + std::to_string(call);
}

// Of this process. A run has one thread, and shares the machine with others.
duration cpu_time() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::duration_cast<duration>(std::chrono::seconds{used.tv_sec}
                                              + std::chrono::nanoseconds{used.tv_nsec});
}

class rehearsal {
public:
  rehearsal(run_plan plan, std::ostream* trace);
  ~rehearsal();
  rehearsal(const rehearsal&) = delete;
  rehearsal& operator=(const rehearsal&) = delete;

  run_result run();

private:
  void enroll();
  void schedule_calls();
  void heal();
  bool wait_until_ready(duration patience);
  void probe();
  void place(const call_plan& call);
  void call_now(const std::string& callee, duration holds);
  void call_now(call_plan call);
  void request_in_every_call();
  void renew_subscriptions();
  void last_failover();
  void everybody_hangs_up();
  void wait_for_rest(duration at_most);
  void collect();
  run_result finish();

  user_agent& agent(const std::string& user);
  [[nodiscard]] std::string busiest_container();
  void mark(const std::string& phase);

  evidence evidence_;
  std::optional<trace_file> trace_;
  std::map<endpoint, std::string> users_;
  std::optional<witness> witness_; // it is told until the run is gone
  std::unique_ptr<simulation> run_;
  std::optional<troubles> troubles_;
  std::map<std::string, std::unique_ptr<user_agent>> agents_;
  unsigned next_call_ = 1000;
};

rehearsal::rehearsal(run_plan plan, std::ostream* trace) {
  evidence_.plan = std::move(plan);
  if (trace != nullptr) trace_.emplace(*trace);
}

// Agents hold on to the simulation, whose events hold on to them.
rehearsal::~rehearsal() {
  if (run_) run_->time().forget_all();
}

run_result rehearsal::run() {
  const auto began = cpu_time();
  auto& plan = evidence_.plan;
  run_result result;
  try {
    simulated::reset(plan.seed, plan.buggify);
    if (!plan.planted.empty() && !simulated::plant(plan.planted))
      throw std::invalid_argument("there is no defect '" + plan.planted + "'");
    if (trace_) trace_->plan(to_prose(plan), plan.seed);
    run_ = std::make_unique<simulation>(options_of(plan));
    auto* trace = trace_ ? &*trace_ : nullptr;
    witness_.emplace(*run_, evidence_, trace, users_);
    troubles_.emplace(*run_, *witness_, trace, [this] {
      evidence_.crowd.insert(next_call_);
      call_now("answer", crowd_holds);
    });
    if (!wait_until_ready(formation_max)) throw std::runtime_error("the cluster did not form");
    evidence_.formed = run_->now();
    evidence_.faults_end = evidence_.formed + plan.faults_end;
    enroll();
    schedule_calls();
    troubles_->schedule(plan);
    run_->run_for(plan.faults_end);
    heal();
    if (evidence_.ready_again) {
      probe();
      if (plan.last_failover) last_failover();
    }
    run_->run_for(plan.waits);
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
  result.cpu_us = (cpu_time() - began).count();
  return result;
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
  bool watched = false;
  for (const auto& r : evidence_.plan.registrations) {
    if (!r.watched || !evidence_.registered.contains(r.user)) continue;
    agent(watcher_of(r.user)).watch(r.user);
    watched = true;
  }
  if (watched) run_->run_for(500ms);
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

// ---- the liveness phase

void rehearsal::heal() {
  troubles_->heal();
  mark("faults end");
  // Who was given up may learn of it only now, and end.
  do {
    evidence_.ready_again = wait_until_ready(healing_max);
    run_->run_for(settling);
  } while (evidence_.ready_again && troubles_->restart_dead());
  evidence_.healed = run_->now();
}

void rehearsal::mark(const std::string& phase) {
  if (trace_) trace_->mark(run_->now(), phase);
}

// Nodes that find out that they were given up end by themselves, and a launcher starts them again.
bool rehearsal::wait_until_ready(duration patience) {
  constexpr duration step = 50ms;
  for (duration waited{}; waited < patience; waited += step) {
    run_->run_for(step);
    if (!troubles_->restart_dead() && run_->ready()) return true;
  }
  return false;
}

void rehearsal::call_now(const std::string& callee, duration holds) {
  call_plan call;
  call.callee = callee;
  call.holds = holds;
  call_now(call);
}

void rehearsal::call_now(call_plan call) {
  call.number = next_call_++;
  evidence_.plan.calls.push_back(call);
  place(call);
}

void rehearsal::request_in_every_call() {
  for (const auto& call : evidence_.plan.calls) {
    const bool by_callee = has_callee(call) && run_->random() % 2 == 0;
    auto& who = agent(by_callee ? call.callee : caller_of(call.number));
    who.request_in(call.number, "INFO");
  }
}

void rehearsal::renew_subscriptions() {
  for (const auto& [user, a] : agents_) a->watch_again();
}

void rehearsal::probe() {
  evidence_.plan.calls.reserve(evidence_.plan.calls.size() + 16); // agents look plans up
  request_in_every_call();
  renew_subscriptions();
  call_now("answer", to_the_end);
  call_now("alarm", to_the_end); // its alarm rings after the last failover
  for (const auto& r : evidence_.plan.registrations) call_now(r.user, to_the_end);
  if (!evidence_.plan.registrations.empty()) { // and one that is given up while it rings
    call_plan call;
    call.callee = evidence_.plan.registrations.front().user;
    call.rings = 1300ms;
    call.cancels_after = 100ms;
    call_now(call);
  }
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
  evidence_.last_victim = victim;
  evidence_.view_without_it = run_->view();
  request_in_every_call();
  renew_subscriptions();
  call_now("answer", to_the_end);
  run_->run_for(1s);
  troubles_->restart(victim);
  if (!wait_until_ready(healing_max)) evidence_.recovered.reset();
}

void rehearsal::everybody_hangs_up() {
  evidence_.hung_up = run_->now();
  for (const auto& [user, a] : agents_) {
    for (const auto& [call_id, end] : a->ends()) evidence_.ends_before.push_back(end);
    a->leave();
    a->watch_no_more();
  }
  for (const auto& call : evidence_.plan.calls) {
    auto& caller = agent(caller_of(call.number));
    caller.cancel(call.number);
    const bool by_callee = has_callee(call) && call.hangs_up == side::callee;
    (by_callee ? agent(call.callee) : caller).hang_up(call.number);
  }
  const auto long_enough = evidence_.sixty_four_t1() + 2 * settling;
  if (!evidence_.plan.to_the_end) return wait_for_rest(long_enough);
  // As long as a BYE may be repeated; and then as long as its session absorbs repetitions.
  run_->run_for(long_enough + evidence_.sixty_four_t1() + settling);
}

// Until nobody outside has waited for anything for some repetitions of it.
void rehearsal::wait_for_rest(duration at_most) {
  constexpr duration step = 500ms;
  const auto enough = 16 * evidence_.plan.cluster.timer_t1;
  for (duration waited{}, rested{}; waited < at_most && rested < enough; waited += step) {
    run_->run_for(step);
    const bool rests = std::all_of(agents_.begin(), agents_.end(),
                                   [](const auto& a) { return a.second->at_rest(); });
    rested = rests ? rested + step : duration{};
  }
}

// ---- judging

void rehearsal::collect() {
  for (const auto& [user, a] : agents_)
    for (const auto& [call_id, end] : a->ends()) evidence_.ends.push_back(end);
  for (const auto& [user, a] : agents_)
    if (a->watched()) evidence_.subscriptions.push_back(*a->watched());
  witness_->collect();
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
