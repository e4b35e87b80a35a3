#include "simulations/simulation.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace holdfast::simulations {

namespace {

constexpr duration looking_interval{5ms};
constexpr const char* cluster_key = "the key of a simulated cluster";

cluster::role role_of(const std::string& name) {
  if (name.starts_with("coordinator")) return cluster::role::coordinator;
  if (name.starts_with("dispatcher")) return cluster::role::dispatcher;
  if (name.starts_with("proxy")) return cluster::role::proxy;
  return cluster::role::container;
}

// The first lines say enough of most messages.
void log_datagram(instant now, std::string_view direction, const endpoint& phone,
                  std::string_view bytes) {
  if (!spdlog::should_log(spdlog::level::debug)) return;
  spdlog::debug("{} us: {} {}: {}", now.time_since_epoch().count(), direction, to_string(phone),
                bytes.substr(0, bytes.find("\r\n", bytes.find("Call-ID"))));
}

// A slow actor may call what it was given after whoever asked has stopped waiting: then nothing is
// there to be called any more.
template <class F>
std::shared_ptr<F> shared(F f) {
  return std::make_shared<F>(std::move(f));
}
template <class F>
auto while_held(const std::shared_ptr<F>& f) {
  return [weak = std::weak_ptr{f}](const auto&... xs) {
    if (const auto held = weak.lock()) (*held)(xs...);
  };
}

node_addresses addresses_of(std::size_t host) {
  const auto ip = "10.0.0." + std::to_string(host);
  return {{ip, 7000}, {ip, 7001}, {ip, 7002}, simulation::cluster_address};
}

} // namespace

simulation::simulation(simulation_options options)
    : options_{std::move(options)},
      time_{options_.seed},
      network_{time_},
      ledger_{time_},
      launcher_{time_, [this](simulated_process& p) { end(p); }},
      environment_{std::make_shared<const session::environment>(
          session::environment{.tokens = cluster::token_ring::from_cluster_key(cluster_key),
                               .advertised = cluster_address,
                               .timers = options_.timers,
                               .rules = options_.rules,
                               .applications = options_.applications})} {
  settings_.shard_count = options_.shards;
  settings_.replicas = options_.replicas;
  network_.outside([this](const endpoint&, const endpoint& to, const std::string& bytes) {
    log_datagram(now(), "to", to, bytes);
    const auto found = listeners_.find(to);
    if (found != listeners_.end()) found->second(bytes);
  });
  // Addresses are known before anybody runs.
  for (std::size_t i = 1; i <= options_.coordinators; ++i)
    hosts_.try_emplace("coordinator-" + std::to_string(i), i);
  for (std::size_t i = 1; i <= options_.coordinators; ++i)
    launch("coordinator-" + std::to_string(i));
  launch("dispatcher-1");
  for (std::size_t i = 1; i <= options_.proxies; ++i) launch("proxy-" + std::to_string(i));
  for (std::size_t i = 1; i <= options_.containers; ++i) launch("container-" + std::to_string(i));
}

// Whatever holds an actor of a system goes before that system does.
simulation::~simulation() {
  time_.forget_all();
  launcher_.forget_all();
  for (auto& n : nodes_) {
    n.coordinator = nullptr;
    n.process->end_actors(std::exchange(n.root, {}));
  }
  time_.forget_all();
  network_.forget_all();
  for (auto& n : nodes_) n.world.reset();
}

// ---- nodes
// ----------------------------------------------------------------------------------------

void simulation::launch(const std::string& name) {
  const auto host = hosts_.try_emplace(name, hosts_.size() + 1).first->second;
  const auto at = addresses_of(host);
  auto& n = nodes_.emplace_back();
  latest_[name] = nodes_.size() - 1;
  n.process = std::make_unique<simulated_process>(time_, name, ++next_pid_);
  if (options_.version_turns)
    n.process->on_turn(
        [told = options_.version_turns, later = next_pid_ % 2 == 0] { told(later); });
  if (options_.supervised) launcher_.started(*n.process);
  n.world = std::make_unique<simulated_world>(
      surroundings{time_, network_, ledger_, launcher_,
                   [this](simulated_process& p, const std::string& why) {
                     spdlog::error("{} ends: {}", p.name(), why);
                     fail_stops_.push_back(p.name() + ": " + why);
                     end(p);
                   }},
      *n.process, at, settings_, cluster_key);
  std::vector<actors::coordinator_address> coordinators;
  for (std::size_t i = 1; i <= options_.coordinators; ++i) {
    const auto who = "coordinator-" + std::to_string(i);
    coordinators.push_back({who, addresses_of(hosts_.at(who)).links});
  }
  n.root = actors::start_node(n.process->system(), *n.world,
                              {.card = card_of(n, at),
                               .settings = settings_,
                               .coordinators = coordinators,
                               .environment = environment_,
                               .limits = options_.limits});
}

cluster::node_card simulation::card_of(const node& n, const node_addresses& at) {
  cluster::node_card card;
  card.name = n.process->name();
  card.serves = role_of(card.name);
  card.boot = time_.random();
  card.pid = n.process->pid();
  card.supervised = options_.supervised;
  card.links = at.links;
  card.heartbeats = at.heartbeats;
  card.datagrams = at.inside;
  return card;
}

simulated_process& simulation::process(const std::string& name) const {
  const auto found = latest_.find(name);
  if (found == latest_.end()) throw std::invalid_argument("there is no node " + name);
  return *nodes_[found->second].process;
}

void simulation::end(simulated_process& p) {
  p.crash();
  network_.break_connections_of(p);
  if (options_.supervised) launcher_.ended(p);
}

void simulation::crash(const std::string& name) {
  if (auto& p = process(name); p.alive()) end(p);
}

void simulation::restart(const std::string& name) {
  crash(name);
  launch(name);
}

void simulation::hang(const std::string& name) {
  process(name).hang();
}

void simulation::resume(const std::string& name) {
  process(name).resume();
}

bool simulation::alive(const std::string& name) const {
  return process(name).alive();
}

bool simulation::alive(const std::string& name, std::int64_t pid) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const node& n) {
    return n.process->name() == name && n.process->pid() == pid && n.process->alive();
  });
}

std::vector<std::string> simulation::nodes() const {
  std::vector<std::string> names(hosts_.size());
  for (const auto& [name, host] : hosts_) names[host - 1] = name;
  return names;
}

void simulation::send(const endpoint& from, std::string bytes) {
  log_datagram(now(), "from", from, bytes);
  network_.send_from_outside(from, cluster_address, std::move(bytes));
}

// ---- time
// -----------------------------------------------------------------------------------------

void simulation::run_for(duration time) {
  const auto until = now() + time;
  do settle();
  while (run_event(until));
}

bool simulation::run_until(const std::function<bool()>& condition, duration patience) {
  for (duration waited{}; waited < patience; waited += looking_interval) {
    run_for(looking_interval);
    if (condition()) return true;
  }
  return false;
}

void simulation::settle() {
  for (bool moved = true; moved;) {
    while (run_actors()) continue;
    moved = false;
    for (auto& n : nodes_)
      if (n.process->running() && n.process->take_touched() && network_.carry(*n.process))
        moved = true;
  }
}

// One message of one actor, somewhere.
bool simulation::run_actors() {
  const auto first = time_.below(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    auto& p = *nodes_[(first + i) % nodes_.size()].process;
    if (!p.running() || !p.run_one()) continue;
    if (p.running() && p.take_touched()) (void)network_.carry(p);
    return true;
  }
  return false;
}

// The next thing that happens by itself: a timer of a node, or something on the timeline.
bool simulation::run_event(instant until) {
  simulated_process* due_at = nullptr;
  auto due = time_.next();
  for (auto& n : nodes_) {
    if (!n.process->running()) continue;
    const auto timer = n.process->next_timer();
    if (!timer || (due && *timer >= *due)) continue;
    due = timer;
    due_at = n.process.get();
  }
  const bool in_time = due && *due <= until;
  time_.advance(in_time ? *due : until);
  for (auto& n : nodes_)
    if (n.process->alive()) n.process->set_time();
  if (!in_time) return false;
  if (due_at != nullptr)
    due_at->trigger_timer();
  else
    time_.run_next();
  return true;
}

// ---- looking
// --------------------------------------------------------------------------------------

caf::actor simulation::coordinator_on(node& n) {
  if (!n.process->running()) return {};
  if (!n.coordinator) {
    auto& to = n.coordinator;
    n.process->system().spawn<caf::hidden>([root = n.root, &to](caf::event_based_actor* self) {
      self->request(root, 1s, caf::get_atom::value).then([&to](caf::actor& found) {
        to = std::move(found);
      });
    });
    settle();
  }
  return n.coordinator;
}

// One that was taken over and does not know it yet may say so too; the newest view is right.
simulation::node* simulation::standing_coordinator() {
  node* found = nullptr;
  view_number newest;
  for (std::size_t i = 1; i <= options_.coordinators; ++i) {
    auto& n = nodes_[latest_.at("coordinator-" + std::to_string(i))];
    const auto actor = coordinator_on(n);
    if (!actor) continue;
    const auto look = shared([&](const auto& machine, const auto&) {
      if (!machine.stands() || (found && machine.current().number < newest)) return;
      found = &n;
      newest = machine.current().number;
    });
    caf::anon_send(actor, actors::inspect_cluster{while_held(look)});
    settle();
  }
  return found;
}

bool simulation::inspect(
    std::function<void(const cluster::coordinator&, const std::deque<actors::cluster_event>&)>
        look) {
  auto* standing = standing_coordinator();
  if (standing == nullptr) return false;
  bool looked = false;
  const auto once = shared([&](const auto& machine, const auto& events) {
    look(machine, events);
    looked = true;
  });
  caf::anon_send(standing->coordinator, actors::inspect_cluster{while_held(once)});
  settle();
  return looked;
}

std::string simulation::coordinator() {
  const auto* standing = standing_coordinator();
  return standing == nullptr ? std::string{} : standing->process->name();
}

bool simulation::operate(cluster::control::operator_verb verb, const std::string& name,
                         shard_id shard) {
  const auto* standing = standing_coordinator();
  if (standing == nullptr) return false;
  bool done = false;
  const auto hear = shared([&](bool accepted, const std::string&) { done = accepted; });
  caf::anon_send(standing->coordinator,
                 actors::operate_cluster{{0, verb, name, shard}, while_held(hear)});
  settle();
  return done;
}

bool simulation::ready() {
  bool is = false;
  inspect([&](const cluster::coordinator& c, const auto&) { is = c.ready(); });
  return is;
}

cluster::view simulation::view() {
  cluster::view now_valid;
  inspect([&](const cluster::coordinator& c, const auto&) { now_valid = c.current(); });
  return now_valid;
}

std::vector<cluster::shard_row> simulation::shards() {
  std::vector<cluster::shard_row> rows;
  inspect([&](const cluster::coordinator& c, const auto&) { rows = c.shards(); });
  return rows;
}

std::vector<cluster::picture> simulation::look(cluster::inspect_query query) {
  auto& process = *nodes_[latest_.at("coordinator-1")].process;
  const auto inspector =
      caf::actor_cast<caf::actor>(process.system().registry().get(caf::atom("inspector")));
  // Shared with what may answer late.
  auto seen = std::make_shared<std::optional<std::vector<cluster::picture>>>();
  caf::anon_send(inspector, actors::inspect_everywhere{
                                std::move(query), {}, [seen](const auto& p) { *seen = p; }});
  run_until([&] { return seen->has_value(); }, 2s);
  return seen->value_or(std::vector<cluster::picture>{});
}

std::optional<session_address> simulation::address_of(std::string_view token) const {
  return environment_->tokens.verify(token);
}

std::string simulation::owner_of(std::string_view token) {
  const auto where = address_of(token);
  if (!where) return {};
  const auto now_valid = view();
  const auto* entry = now_valid.shard(where->shard);
  return entry == nullptr ? std::string{} : entry->owner.name;
}

std::vector<std::string> simulation::alarms() {
  std::vector<std::string> texts;
  inspect([&](const auto&, const std::deque<actors::cluster_event>& events) {
    for (const auto& e : events)
      if (e.alarm) texts.push_back(e.text);
  });
  return texts;
}

} // namespace holdfast::simulations
