// The faults of a plan, carried out: what begins and what ends each kind.
#pragma once

#include "simulations/campaign/trace.hpp"
#include "simulations/campaign/witness.hpp"
#include "simulations/plan/run_plan.hpp"
#include "simulations/simulation.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace holdfast::simulations {

class troubles {
public:
  using call_maker = std::function<void()>; // one more call from outside, now

  // All of them outlive it; `trace` nullptr: none.
  troubles(simulation& run, witness& seen, trace_file* trace, call_maker one_more_call);

  // From now on; those that would last longer are ended by heal().
  void schedule(const run_plan& plan);
  // Nothing is wrong from here on, and every process runs.
  void heal();
  void restart(const std::string& node);
  // And takes drains back, once nothing is wrong. False: there was nothing to do.
  bool restart_dead();

private:
  void begin(const fault& f);
  void end(const fault& f);
  void set_weather();
  void send_garbage(unsigned count, duration within);
  void call_in_crowds(unsigned count, duration within);
  void drain(const std::string& node);
  void undrain(const std::string& node);
  void replace(const std::string& node);

  simulation& run_;
  witness& witness_;
  trace_file* trace_;
  call_maker one_more_call_;
  std::vector<fault> active_;
  std::set<std::string> drained_;
  bool ended_ = false;
};

} // namespace holdfast::simulations
