// Process control as the launcher does it: it knows every process it started, kills on request, and
// tells the coordinator of every end. An end that no coordinator was there to hear of is told to
// the next one.
#pragma once

#include "actors/messages.hpp"
#include "simulations/simulated_process.hpp"

#include <caf/actor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace holdfast::simulations {

class simulated_launcher {
public:
  // From SIGKILL, or from an end by itself, until waitpid() has told.
  static constexpr duration reaping_min{200us};
  static constexpr duration reaping_max{3ms};

  // `end` is what SIGKILL does.
  simulated_launcher(timeline& time, std::function<void(simulated_process&)> end)
      : time_{time}, end_{std::move(end)} {}

  void started(simulated_process& process) { processes_.push_back(&process); }
  void ended(const simulated_process& process);

  void observe(simulated_process& by, caf::actor receiver);
  // Told of every request to kill, before it is obeyed.
  void observe_kills(std::function<void(const std::string& name, std::int64_t pid)> to) {
    kill_observer_ = std::move(to);
  }
  bool kill(const std::string& name, std::int64_t pid);

  void forget_all();

private:
  void tell(const std::string& name, std::int64_t pid);

  timeline& time_;
  std::function<void(simulated_process&)> end_;
  std::vector<simulated_process*> processes_;
  struct observer {
    simulated_process* process = nullptr;
    caf::actor receiver;
  };
  std::map<std::string, observer> observers_; // coordinators, by name
  std::vector<actors::process_ended> untold_;
  std::function<void(const std::string&, std::int64_t)> kill_observer_;
};

} // namespace holdfast::simulations
