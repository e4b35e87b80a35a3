#include "simulations/campaign/child.hpp"

#include "simulations/campaign/rehearsal.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::simulations {

namespace {

void write_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(to, bytes.data(), bytes.size());
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void be_child(const run_plan& plan, int to) {
  write_all(to, encode(rehearse(plan)));
  ::_exit(0);
}

} // namespace

child_pool::~child_pool() {
  for (auto& c : children_) {
    ::kill(c.pid, SIGKILL);
    ::waitpid(c.pid, nullptr, 0);
    ::close(c.from);
  }
}

void child_pool::start(const run_plan& plan) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error(std::string{"pipe: "} + std::strerror(errno));
  const auto pid = ::fork();
  if (pid < 0) throw std::runtime_error(std::string{"fork: "} + std::strerror(errno));
  if (pid == 0) {
    ::close(ends[0]);
    be_child(plan, ends[1]);
  }
  ::close(ends[1]);
  children_.push_back({pid, ends[0], {}, plan, std::chrono::steady_clock::now()});
}

child_pool::ended child_pool::wait() {
  while (true) {
    std::vector<pollfd> waiting;
    for (const auto& c : children_) waiting.push_back({c.from, POLLIN, 0});
    (void)::poll(waiting.data(), static_cast<nfds_t>(waiting.size()), 1000);
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      auto& c = children_[i];
      if (std::chrono::steady_clock::now() - c.began > patience) return reap(i, true);
      if (waiting[i].revents == 0) continue;
      char buffer[65536];
      const auto got = ::read(c.from, buffer, sizeof buffer);
      if (got > 0)
        c.bytes.append(buffer, static_cast<std::size_t>(got));
      else
        return reap(i, false);
    }
  }
}

child_pool::ended child_pool::reap(std::size_t index, bool too_late) {
  auto c = std::move(children_[index]);
  children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(index));
  ::close(c.from);
  if (too_late) ::kill(c.pid, SIGKILL);
  int status = 0;
  ::waitpid(c.pid, &status, 0);
  ended e{std::move(c.plan), {}};
  auto result = decode<run_result>(c.bytes);
  if (result && !c.bytes.empty()) e.result = std::move(*result);
  e.result.seed = e.plan.seed;
  if (too_late)
    e.result.died = "it did not end within " + std::to_string(patience.count()) + " s";
  else if (WIFSIGNALED(status))
    e.result.died = std::string{"it ended by "} + ::strsignal(WTERMSIG(status));
  else if (c.bytes.empty())
    e.result.died = "it ended with code " + std::to_string(WEXITSTATUS(status));
  return e;
}

run_result run_apart(const run_plan& plan) {
  child_pool one;
  one.start(plan);
  return one.wait().result;
}

} // namespace holdfast::simulations
