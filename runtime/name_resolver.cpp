#include "runtime/name_resolver.hpp"

#include "runtime/socket_address.hpp"

#include <utility>

namespace holdfast::runtime {

name_resolver::name_resolver() : name_resolver{resolve_and_wait} {}

name_resolver::name_resolver(lookup how) : how_{std::move(how)}, thread_{[this] { run(); }} {}

name_resolver::~name_resolver() {
  stop();
}

void name_resolver::resolve(const std::string& name, callback done) {
  if (numeric_address({name, 0})) return done({name});
  std::optional<addresses> answered;
  {
    const std::lock_guard lock{mutex_};
    answered = known(name);
    if (!answered && pending_.size() < pending_max && !stopped_) {
      pending_.push_back({name, std::move(done)});
      changed_.notify_one();
      return;
    }
  }
  done(answered.value_or(addresses{}));
}

void name_resolver::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    pending_.clear();
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::optional<name_resolver::addresses> name_resolver::known(const std::string& name) {
  const auto it = cache_.find(name);
  if (it == cache_.end() || it->second.until <= clock::now()) return std::nullopt;
  return it->second.found;
}

void name_resolver::remember(const std::string& name, const addresses& found) {
  if (cache_.size() >= cache_max) cache_.clear();
  const clock::duration keep = found.empty() ? kept_failure : kept;
  cache_.insert_or_assign(name, answer{found, clock::now() + keep});
}

void name_resolver::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stopped_ || !pending_.empty(); });
    if (stopped_) return;
    auto next = std::move(pending_.front());
    pending_.pop_front();
    auto found = known(next.name); // many may have asked for one name
    const bool asked_before = found.has_value();
    lock.unlock();
    if (!found) found = how_(next.name);
    next.done(*found);
    lock.lock();
    if (!asked_before) remember(next.name, *found);
  }
}

} // namespace holdfast::runtime
