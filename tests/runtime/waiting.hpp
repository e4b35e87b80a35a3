// Bounded waiting for what another thread does.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace holdfast {

inline constexpr std::chrono::seconds patience{20}; // a busy machine is no failure

// Looks every millisecond; for what nobody announces.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::milliseconds within = patience) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

// What threads put in and the test takes out, in order.
template <class T>
class inbox {
public:
  void put(T item) {
    const std::lock_guard lock{mutex_};
    items_.push_back(std::move(item));
    changed_.notify_all();
  }
  [[nodiscard]] std::optional<T> take(std::chrono::milliseconds within = patience) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, within, [this] { return !items_.empty(); })) return std::nullopt;
    std::optional<T> item{std::move(items_.front())};
    items_.pop_front();
    return item;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
};

// Open descriptors of this process.
[[nodiscard]] inline std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"},
                       std::filesystem::directory_iterator{});
}

} // namespace holdfast
