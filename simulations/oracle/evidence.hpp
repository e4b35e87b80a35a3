// What a run is judged by: the history of the user agents, and facts about the cluster that only
// the simulator knows. With what several invariants ask of it.
#pragma once

#include "protocol/cluster/coordinator.hpp"
#include "protocol/cluster/view.hpp"
#include "simulations/agents/call_end.hpp"
#include "simulations/agents/history.hpp"
#include "simulations/agents/subscription.hpp"
#include "simulations/plan/run_plan.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast::simulations {

// A shard was given to somebody else, or emptied.
struct takeover {
  instant at;
  shard_id shard;
  holdfast::epoch epoch;
  cluster::fence fence{};
  bool emptied = false;
  bool copy_survived = false; // emptied although somebody who held all of it was alive
};

// A transaction of an agent, from the history.
struct exchange {
  std::string agent;
  std::string branch;
  std::string method;
  std::string call_id;
  bool in_dialog = false;
  std::shared_ptr<const sip::message> request;
  std::size_t digest = 0;
  instant first{}; // sent, or received
  struct final_response {
    instant at;
    std::shared_ptr<const sip::message> message;
    std::size_t digest = 0;
  };
  std::vector<final_response> finals; // copies too
  bool provisional = false;

  [[nodiscard]] int status() const { return finals.empty() ? 0 : finals.front().message->status; }
};

// Two owners spoke for one shard in one epoch, or an older one was let through.
struct double_output {
  instant at;
  shard_id shard;
  holdfast::epoch epoch;
  std::string what;
};

struct evidence {
  run_plan plan;
  history log;
  std::set<unsigned> crowd; // numbers of calls
  std::vector<call_end> ends;
  std::vector<call_end> ends_before;               // everybody was told to hang up
  std::map<std::string, std::uint32_t> registered; // user -> seconds, those that got a 200
  std::map<std::string, instant> registered_at;
  std::vector<subscription> subscriptions;
  std::map<std::string, shard_id> shard_of_user;
  std::map<std::string, shard_id> shard_of_call; // Call-ID -> shard of its session
  std::vector<takeover> takeovers;
  std::vector<double_output> double_outputs;
  std::vector<double_output> double_deliveries; // two containers served a shard in one epoch
  std::vector<std::pair<instant, std::string>> told_to_strangers; // requests
  std::vector<std::string> fail_stops;
  std::set<std::string> alive; // processes, at the end
  cluster::view last_view;
  std::vector<cluster::shard_row> last_rows;

  instant formed{};
  instant faults_end{};
  bool ready_again = false;
  instant healed{};                  // ready again, and a second more
  std::optional<instant> last_crash; // the failover of the liveness phase
  std::optional<instant> recovered;  // from it
  std::string last_victim;           // of that failover
  cluster::view view_without_it;     // when that was over, and it had not come back
  instant hung_up{};                 // everybody was told to hang up
  instant end{};

  // Made of the log (index()).
  std::vector<exchange> clients; // requests of agents
  std::vector<exchange> servers; // requests of the cluster, each once
  std::vector<exchange> left;    // ... as they left it, arrived or not

  void index();

  [[nodiscard]] unsigned number_of(const std::string& call_id) const; // 0: none
  // Both ends of a proxied call have one Call-ID.
  [[nodiscard]] const call_end* end_of(const std::string& call_id, const std::string& agent) const;
  [[nodiscard]] const call_end* end_of(const exchange& x) const {
    return end_of(x.call_id, x.agent);
  }
  [[nodiscard]] std::vector<const call_end*> ends_of(unsigned number, side at) const;
  [[nodiscard]] const call_plan* plan_of(unsigned number) const;
  // The copies of the call's session all died at some time after `since`.
  [[nodiscard]] bool lost(const std::string& call_id, instant since) const;
  [[nodiscard]] bool lost_user(const std::string& user, instant since) const;
  // A shard changed hands in that time: what class `stable` does not promise may happen.
  [[nodiscard]] bool taken_over(instant from, instant to) const;
  // RFC 3261 12.2.2: it came after a later one of its dialog, and had 500 for that.
  [[nodiscard]] bool overtaken(const exchange& x) const;
  // Nothing was wrong, anywhere.
  [[nodiscard]] bool calm(instant from, instant to) const;
  // The cluster is whole and has been told to be: everything must work at that time.
  [[nodiscard]] bool healthy(instant at) const;
  [[nodiscard]] duration sixty_four_t1() const { return 64 * plan.cluster.timer_t1; }
};

} // namespace holdfast::simulations
