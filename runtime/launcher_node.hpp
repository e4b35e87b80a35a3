// One supervised process: started, watched through its pidfd, started again after a while.
#pragma once

#include "runtime/file_descriptor.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>

namespace holdfast::runtime {

using steady = std::chrono::steady_clock;

// How long to wait before a node is started again: not at all the first time, then 0.2 s, doubling
// up to 5 s. A node that was up for 2 s begins anew.
class restart_backoff {
public:
  [[nodiscard]] std::chrono::milliseconds next(std::chrono::milliseconds was_up);

private:
  std::chrono::milliseconds delay_{0};
};

// How a process ended, for people and for the decision to start it again.
struct process_exit {
  int code = 0;   // of exit(); meaningless if `signal` is not 0
  int signal = 0; // that killed it

  [[nodiscard]] std::string text() const; // "exit code 1", "killed by signal 9 (Killed)"
};

struct supervised_node {
  std::string name;
  std::filesystem::path log;
  pid_t pid = 0;           // 0: not running
  file_descriptor process; // pidfd
  file_descriptor control; // our end of the process channel
  steady::time_point started;
  std::optional<steady::time_point> start_at; // when it is to be started again
  restart_backoff backoff;

  [[nodiscard]] bool running() const { return pid != 0; }
};

// Forks and executes this binary as `node`, or what stands in its place by now: a cluster is renewed
// by replacing the file and restarting one node after the other. The child gets the default signal mask, a session of
// its own (Ctrl-C is the launcher's), its log as output, and SIGKILL when the calling thread ends:
// call it from the main thread. Throws std::system_error.
void start_node_process(supervised_node& node, const std::filesystem::path& configuration_file);

// Waits for a process whose pidfd is readable, and marks the node as not running.
[[nodiscard]] process_exit reap_node_process(supervised_node& node);

void signal_node_process(const supervised_node& node, int signal);

} // namespace holdfast::runtime
