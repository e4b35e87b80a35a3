// Who looks at a run: fills the evidence with what the world outside sees, with every view and
// every message that leaves, and tells the trace.
#pragma once

#include "protocol/core/buggify.hpp"
#include "simulations/campaign/trace.hpp"
#include "simulations/oracle/evidence.hpp"
#include "simulations/simulation.hpp"

#include <map>
#include <string>
#include <utility>

namespace holdfast::simulations {

// Whoever sends from here is nobody's telephone.
inline const endpoint stranger{"203.0.113.66", 5060};

class witness {
public:
  // `run`, `into` and `trace` (nullptr: none) outlive it; `users` names the agent of an address.
  witness(simulation& run, evidence& into, trace_file* trace,
          const std::map<endpoint, std::string>& users);
  ~witness();
  witness(const witness&) = delete;
  witness& operator=(const witness&) = delete;

  // What a process knew it knows no more.
  void forget(const std::string& node);
  // What is there at the end.
  void collect();

private:
  void on_ledger(const std::string& bytes);
  void on_output(const simulated::output& seen);
  void on_delivery(const simulated::output& seen);
  void on_emission(const simulated::output& seen);
  void on_kill(const std::string& node, std::int64_t pid);
  void on_datagram(bool to_cluster, const endpoint& client, const std::string& bytes);

  using shard_epoch = std::pair<std::uint16_t, std::uint64_t>;
  struct spoken {
    std::string name;
    std::uint64_t epoch = 0;
  };

  simulation& run_;
  evidence& evidence_;
  trace_file* trace_;
  const std::map<endpoint, std::string>& users_;
  std::map<shard_epoch, std::string> speakers_; // owner that spoke
  std::map<shard_epoch, std::string> servants_; // container that was spoken to
  std::map<std::pair<std::string, std::uint16_t>, std::uint64_t> accepted_; // proxy, shard -> epoch
  std::map<std::uint16_t, spoken> last_to_speak_; // of a shard, in the newest epoch
  cluster::view ledger_view_;
};

} // namespace holdfast::simulations
