// One simulated process: an actor system of its own on CAF's test_coordinator and test_multiplexer,
// run one message at a time by whoever owns it, with a clock that is like no other process's.
//
//   alive --hang()--> hung --resume()--> alive      what arrives meanwhile waits, as in a kernel
//     |                 |
//     +----crash()------+--> dead                   nothing runs any more; the memory stays until
//                                                   the simulation ends
#pragma once

#include "protocol/cluster/view.hpp"
#include "simulations/timeline.hpp"

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/network/test_multiplexer.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace holdfast::simulations {

class process_configuration : public caf::actor_system_config {
public:
  process_configuration();
};

class simulated_process {
public:
  simulated_process(timeline& time, std::string name, std::int64_t pid);
  ~simulated_process(); // no actor may be left: end_actors()
  simulated_process(const simulated_process&) = delete;
  simulated_process& operator=(const simulated_process&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::int64_t pid() const { return pid_; }
  [[nodiscard]] caf::actor_system& system() { return system_; }
  [[nodiscard]] caf::io::network::test_multiplexer& multiplexer() { return multiplexer_; }

  [[nodiscard]] bool alive() const { return alive_; }
  [[nodiscard]] bool hung() const { return hung_; }
  [[nodiscard]] bool running() const { return alive_ && !hung_; }
  void crash();
  void hang() { hung_ = true; }
  void resume();
  // From now on every message of this process takes `factor` times a usual one's time; 1: none.
  void slow_down(unsigned factor) { slowness_ = factor; }
  // Told whenever this process goes on, where several processes share what is the program's.
  void on_turn(std::function<void()> told) { on_turn_ = std::move(told); }

  // From outside: now, after a hang, or never. What it does counts as this process's doing.
  void execute(std::function<void()> what);

  // Lets one actor or broker of this process handle one message. False: none has any, or it is too
  // slow to have dealt with the last one.
  bool run_one();

  // Since this was asked last, something ran that may have written to a connection or have become
  // able to read: a broker, or what came from outside.
  void touch() { touched_ = true; }
  [[nodiscard]] bool take_touched() { return std::exchange(touched_, false); }

  // This process's clock, which is off by an amount of its own.
  [[nodiscard]] instant local_now() const;
  [[nodiscard]] std::optional<instant> next_timer() const; // in time of the simulation
  void trigger_timer();
  void set_time(); // to that of the simulation

  // Runs whatever is left until every actor under `root` is gone.
  void end_actors(caf::actor root);

private:
  // Of a message of a slow process; the others take none.
  static constexpr duration usual_cost{20us};

  [[nodiscard]] bool busy() const { return time_.now() < busy_until_; }
  void become_busy();
  bool run_actor();
  bool run_broker() {
    const bool ran = multiplexer_.try_exec_runnable();
    touched_ = touched_ || ran;
    return ran;
  }
  void note_next_job();
  void take_turn() const {
    if (on_turn_) on_turn_();
  }

  timeline& time_;
  std::string name_;
  std::int64_t pid_ = 0;
  std::chrono::nanoseconds clock_offset_; // of the local clock
  process_configuration config_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
  caf::io::network::test_multiplexer& multiplexer_;
  bool alive_ = true;
  bool hung_ = false;
  bool touched_ = true;
  std::function<void()> on_turn_;
  unsigned slowness_ = 1;
  instant busy_until_{};
  std::deque<std::function<void()>> waiting_; // for the end of a hang
};

} // namespace holdfast::simulations
