// Host names to addresses without making anybody wait: getaddrinfo runs in a thread of its own.
// Answers are kept for 30 s, failures for 2 s.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::runtime {

class name_resolver {
public:
  using addresses = std::vector<std::string>; // numeric; empty: failed
  using callback = std::function<void(const addresses&)>;
  using lookup = std::function<addresses(const std::string&)>; // may block

  static constexpr std::chrono::seconds kept{30};
  static constexpr std::chrono::seconds kept_failure{2};
  static constexpr std::size_t pending_max = 1024;
  static constexpr std::size_t cache_max = 4096;

  name_resolver(); // asks the system
  explicit name_resolver(lookup how);
  ~name_resolver();
  name_resolver(const name_resolver&) = delete;
  name_resolver& operator=(const name_resolver&) = delete;

  // `done` runs at once in the caller's thread when the answer is known (a numeric name, or one
  // that was asked lately) or when pending_max names wait already; else in the resolver's thread.
  void resolve(const std::string& name, callback done);
  void stop(); // what is pending stays unanswered

private:
  using clock = std::chrono::steady_clock;
  struct request {
    std::string name;
    callback done;
  };
  struct answer {
    addresses found;
    clock::time_point until;
  };

  [[nodiscard]] std::optional<addresses> known(const std::string& name); // under the mutex
  void remember(const std::string& name, const addresses& found);
  void run();

  lookup how_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<request> pending_;
  std::map<std::string, answer> cache_;
  bool stopped_ = false;
  std::thread thread_;
};

} // namespace holdfast::runtime
