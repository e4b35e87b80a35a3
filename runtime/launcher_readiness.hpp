// Asks the consoles every now and then whether the cluster is ready: one that says so is enough, in
// a thread of its own, so that a console that hangs does not hold up the supervision of processes.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "runtime/file_descriptor.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::runtime {

class readiness_watch {
public:
  explicit readiness_watch(std::vector<endpoint> consoles); // of all coordinators
  ~readiness_watch();

  readiness_watch(const readiness_watch&) = delete;
  readiness_watch& operator=(const readiness_watch&) = delete;

  struct answer {
    bool ready = false;
    std::string reason; // why not
  };
  [[nodiscard]] int changed_fd() const { return changed_.get(); } // readable after a change
  [[nodiscard]] answer take();

private:
  void run();

  std::vector<endpoint> consoles_;
  file_descriptor changed_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  answer latest_;
  std::thread thread_;
};

} // namespace holdfast::runtime
