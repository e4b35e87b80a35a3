// Runs in processes of their own: CAF leaves memory behind with each actor system, and a run that
// aborts or never ends must not take the campaign along.
#pragma once

#include "simulations/campaign/run_result.hpp"
#include "simulations/plan/run_plan.hpp"

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace holdfast::simulations {

class child_pool {
public:
  static constexpr std::chrono::seconds patience{120}; // for one run, of real time

  child_pool() = default;
  ~child_pool(); // ends those that still run
  child_pool(const child_pool&) = delete;
  child_pool& operator=(const child_pool&) = delete;

  void start(const run_plan& plan);
  [[nodiscard]] std::size_t running() const { return children_.size(); }

  struct ended {
    run_plan plan;
    run_result result;
  };
  // Waits for one of them. There must be one.
  [[nodiscard]] ended wait();

private:
  struct child {
    pid_t pid = 0;
    int from = -1; // read end of its pipe
    std::string bytes;
    run_plan plan;
    std::chrono::steady_clock::time_point began;
  };

  [[nodiscard]] ended reap(std::size_t index, bool too_late);

  std::vector<child> children_;
};

// One run, in a child.
[[nodiscard]] run_result run_apart(const run_plan& plan);

} // namespace holdfast::simulations
