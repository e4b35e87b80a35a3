// A whole cluster in one thread: the product's actors, one actor system per node, virtual time, and
// chance out of one seed (design, "One code, two worlds").
//
//   simulation run{{.seed = 7}};
//   run.run_until([&] { return run.ready(); }, 10s);
//   run.crash("container-1");
//   run.run_for(5s);
//
// Nodes are named as `holdfast launch` names them. User agents are functions: send() puts a
// datagram in front of the dispatcher, listen() gets those that leave it.
#pragma once

#include "actors/coordinator_actor.hpp"
#include "actors/inspector.hpp"
#include "actors/node.hpp"
#include "simulations/simulated_launcher.hpp"
#include "simulations/simulated_ledger.hpp"
#include "simulations/simulated_network.hpp"
#include "simulations/simulated_process.hpp"
#include "simulations/simulated_world.hpp"
#include "simulations/timeline.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::simulations {

struct simulation_options {
  std::uint64_t seed = 1;
  std::size_t coordinators = 1;
  std::size_t proxies = 1;
  std::size_t containers = 2;
  bool supervised = true; // a launcher kills suspects and vouches for deaths
  // Where it is given, every other process that starts is of a later version; told of whose turn it
  // is (protocol/core/later_version.cpp).
  std::function<void(bool later)> version_turns{};
  std::uint16_t shards = 8;
  std::uint16_t replicas = 1;
  cluster::load_limits limits{}; // of every container
  sip::timer_values timers{};
  std::vector<session::application_rule> rules = session::default_rules();
  applications::application_table applications = applications::built_in();
};

class simulation {
public:
  static inline const endpoint cluster_address{"192.0.2.1", 5060};

  explicit simulation(simulation_options options);
  ~simulation();
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  // ---- time
  void run_for(duration time);
  // Looks every 5 ms. False: it did not become true in that time.
  bool run_until(const std::function<bool()>& condition, duration patience);
  [[nodiscard]] instant now() const { return time_.now(); }
  void after(duration later, std::function<void()> what) { time_.after(later, std::move(what)); }

  // ---- faults
  void crash(const std::string& name);
  void restart(const std::string& name); // a new process of that name
  void hang(const std::string& name);
  void resume(const std::string& name);
  void slow_down(const std::string& name, unsigned factor) { process(name).slow_down(factor); }
  void cut(const std::string& a, const std::string& b) { network_.cut(a, b); }
  void cut_one_way(const std::string& from, const std::string& to) {
    network_.cut_one_way(from, to);
  }
  void heal(const std::string& a, const std::string& b) { network_.heal(a, b); }
  [[nodiscard]] simulated_network& network() { return network_; }
  [[nodiscard]] simulated_ledger& ledger() { return ledger_; }
  [[nodiscard]] simulated_launcher& launcher() { return launcher_; }
  [[nodiscard]] bool alive(const std::string& name) const;
  [[nodiscard]] bool running(const std::string& name) const { return process(name).running(); }
  // Of that very process; false also when there never was one.
  [[nodiscard]] bool alive(const std::string& name, std::int64_t pid) const;
  // Every name that ever had a process, in the order of the first ones.
  [[nodiscard]] std::vector<std::string> nodes() const;

  // ---- operators
  // False: there is no coordinator, or it does not want to.
  bool operate(cluster::control::operator_verb verb, const std::string& name, shard_id shard = {});

  // ---- outside
  using listener = std::function<void(const std::string& bytes)>;
  void listen(const endpoint& where, listener to) { listeners_[where] = std::move(to); }
  void send(const endpoint& from, std::string bytes);

  // ---- what is going on
  // As the coordinator that stands sees it; false or an empty view when none does.
  [[nodiscard]] bool ready();
  [[nodiscard]] std::string coordinator(); // empty: none that runs
  [[nodiscard]] cluster::view view();
  [[nodiscard]] std::vector<cluster::shard_row> shards();
  [[nodiscard]] std::vector<std::string> alarms();
  // What operators see of the actors of all nodes; takes up to a second of the run.
  [[nodiscard]] std::vector<cluster::picture> look(cluster::inspect_query query);
  // Of the session that issued that token.
  [[nodiscard]] std::optional<session_address> address_of(std::string_view token) const;
  // The container whose session issued that token; empty: nobody's, or nobody owns it.
  [[nodiscard]] std::string owner_of(std::string_view token);
  // "container-1: why", of every process that ended itself.
  [[nodiscard]] const std::vector<std::string>& fail_stops() const { return fail_stops_; }
  [[nodiscard]] std::uint64_t hash() const { return time_.hash(); }
  [[nodiscard]] std::uint64_t events() const { return time_.events(); }
  [[nodiscard]] timeline& time() { return time_; }
  [[nodiscard]] std::uint64_t random() { return time_.random(); }

private:
  struct node {
    std::unique_ptr<simulated_process> process;
    std::unique_ptr<simulated_world> world;
    caf::actor root;
    caf::actor coordinator; // coordinators only, once asked for
  };

  void launch(const std::string& name);
  [[nodiscard]] simulated_process& process(const std::string& name) const;
  [[nodiscard]] cluster::node_card card_of(const node& n, const node_addresses& at);
  void end(simulated_process& p);
  void settle();     // without time passing
  bool run_actors(); // one message
  bool run_event(instant until);
  // Runs `look` in the coordinator; false: there is none that could answer.
  bool
  inspect(std::function<void(const cluster::coordinator&, const std::deque<actors::cluster_event>&)>
              look);
  caf::actor coordinator_on(node& n);
  node* standing_coordinator(); // nullptr: none that runs coordinates

  simulation_options options_;
  cluster::settings settings_;
  timeline time_;
  simulated_network network_;
  simulated_ledger ledger_;
  simulated_launcher launcher_;
  std::shared_ptr<const session::environment> environment_;
  std::map<std::string, std::size_t> hosts_; // name -> number of its address
  std::deque<node> nodes_;                   // every process that ever was
  std::map<std::string, std::size_t> latest_;
  std::map<endpoint, listener> listeners_;
  std::vector<std::string> fail_stops_;
  std::int64_t next_pid_ = 100;
};

} // namespace holdfast::simulations
