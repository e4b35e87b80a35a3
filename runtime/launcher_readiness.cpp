#include "runtime/launcher_readiness.hpp"

#include "runtime/http_client.hpp"

#include <boost/json.hpp>

#include <chrono>
#include <utility>

namespace holdfast::runtime {

using namespace std::chrono_literals;

namespace {

readiness_watch::answer ask(const endpoint& console) {
  const auto reply = http_request("GET", console, "/readyz", 1000ms);
  if (!reply) return {false, "the coordinator's console does not answer"};
  if (reply->status == 200) return {true, {}};
  boost::system::error_code not_json;
  const auto json = boost::json::parse(reply->body, not_json);
  if (!not_json && json.is_object())
    for (const auto* key : {"reason", "error"})
      if (const auto* reason = json.as_object().if_contains(key); reason && reason->is_string())
        return {false, boost::json::value_to<std::string>(*reason)};
  return {false, "the console answers " + std::to_string(reply->status)};
}

} // namespace

readiness_watch::readiness_watch(std::vector<endpoint> consoles)
    : consoles_{std::move(consoles)}, changed_{make_wake_descriptor()}, thread_{[this] {
        run();
      }} {}

readiness_watch::~readiness_watch() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  stop_.notify_one();
  thread_.join();
}

readiness_watch::answer readiness_watch::take() {
  drain(changed_);
  const std::lock_guard lock{mutex_};
  return latest_;
}

void readiness_watch::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    lock.unlock();
    answer now;
    for (auto console = consoles_.begin(); console != consoles_.end() && !now.ready; ++console)
      now = ask(*console);
    lock.lock();
    const bool news = now.ready != latest_.ready;
    latest_ = std::move(now);
    if (news) wake(changed_);
    stop_.wait_for(lock, latest_.ready ? 500ms : 100ms, [this] { return stopping_; });
  }
}

} // namespace holdfast::runtime
