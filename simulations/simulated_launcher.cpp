#include "simulations/simulated_launcher.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <utility>

namespace holdfast::simulations {

void simulated_launcher::ended(const simulated_process& process) {
  time_.after(time_.between(reaping_min, reaping_max),
              [this, name = process.name(), pid = process.pid()] { tell(name, pid); });
}

void simulated_launcher::tell(const std::string& name, std::int64_t pid) {
  bool told = false;
  for (const auto& [who, o] : observers_) {
    if (!o.process->alive()) continue;
    told = true;
    o.process->execute([to = o.receiver, name, pid] {
      caf::anon_send(to, actors::process_ended{name, pid});
    });
  }
  if (!told) untold_.push_back({name, pid});
}

void simulated_launcher::observe(simulated_process& by, caf::actor receiver) {
  observers_.insert_or_assign(by.name(), observer{&by, std::move(receiver)});
  for (const auto& end : std::exchange(untold_, {})) tell(end.name, end.pid);
}

bool simulated_launcher::kill(const std::string& name, std::int64_t pid) {
  if (kill_observer_) kill_observer_(name, pid);
  const auto found = std::find_if(processes_.begin(), processes_.end(), [&](const auto* p) {
    return p->name() == name && p->pid() == pid;
  });
  if (found == processes_.end()) return false;
  auto& process = **found;
  if (process.alive()) {
    time_.after(time_.between(reaping_min, reaping_max), [this, &process] {
      if (process.alive()) end_(process);
    });
  } else {
    ended(process);
  }
  return true;
}

void simulated_launcher::forget_all() {
  observers_.clear();
}

} // namespace holdfast::simulations
