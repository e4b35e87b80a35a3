#include "runtime/exercise/loop.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <iostream>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace holdfast::exercise {

namespace {

constexpr int batch_max = 64; // datagrams of one socket before timers have their turn
constexpr duration wait_max = 100ms;

instant now() {
  return instant{
      std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

pid_t start_command(const std::string& command) {
  std::string shell = "sh";
  std::string flag = "-c";
  std::string text = command;
  std::array<char*, 4> arguments = {shell.data(), flag.data(), text.data(), nullptr};
  pid_t pid = -1;
  if (::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, arguments.data(), environ) != 0)
    throw std::runtime_error("cannot start /bin/sh for the fault command");
  return pid;
}

// nullopt: still running.
std::optional<int> exit_of(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, WNOHANG) != pid) return std::nullopt;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void drain(run& r, party who, wire& socket, std::string& buffer) {
  socket.work();
  for (int i = 0; i < batch_max; ++i) {
    const auto source = socket.receive(buffer);
    if (!source) return;
    r.receive(who, *source, buffer, now());
  }
}

void wait_for_work(const run& r, const wire& callers, const wire& callees) {
  duration wait = wait_max;
  if (const auto next = r.next_deadline()) wait = std::clamp(*next - now(), duration{}, wait_max);
  std::vector<pollfd> sockets;
  callers.wait_for(sockets);
  callees.wait_for(sockets);
  const timespec limit{0, static_cast<long>(wait.count()) * 1000};
  static_cast<void>(::ppoll(sockets.data(), sockets.size(), &limit, nullptr));
}

} // namespace

loop_outcome drive(run& r, wire& callers, wire& callees, const std::string& fault_command,
                   bool progress) {
  loop_outcome out;
  pid_t command = -1;
  std::string buffer;
  r.start(now());
  auto told = now();
  while (!r.finished()) {
    r.tick(now());
    if (r.take_fault_order()) {
      out.fault_time_ms = unix_ms();
      command = start_command(fault_command.empty() ? ":" : fault_command);
    }
    for (const auto& d : r.take_outgoing())
      (d.from == party::caller ? callers : callees).send(d.to, d.bytes);
    if (command > 0) {
      out.fault_exit = exit_of(command);
      if (out.fault_exit) {
        command = -1;
        r.fault_command_ended();
      }
    }
    if (progress && now() - told >= 1s) {
      told = now();
      std::cerr << r.progress() << '\n';
    }
    wait_for_work(r, callers, callees);
    drain(r, party::caller, callers, buffer);
    drain(r, party::callee, callees, buffer);
  }
  for (const auto& d : r.take_outgoing())
    (d.from == party::caller ? callers : callees).send(d.to, d.bytes);
  return out;
}

} // namespace holdfast::exercise
