// The heartbeat unit of a node: a thread with a UDP socket of its own, beside the links and beside
// CAF's workers, so that neither traffic nor a blocked worker delays what it says. The rules are in
// protocol/cluster/heartbeat.hpp; here are the clock, the socket and the schedule.
#pragma once

#include "protocol/cluster/heartbeat.hpp"
#include "protocol/cluster/view.hpp"
#include "runtime/file_descriptor.hpp"
#include "runtime/name_resolver.hpp"
#include "runtime/udp_socket.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace holdfast::runtime {

class heartbeat_thread {
public:
  struct listener {
    // Both run in the thread and must not block.
    std::function<void(const cluster::suspicion&)> changed;
    std::function<void(const cluster::view_ahead&)> newer_view;
  };

  // Silent until the first watch(). Throws std::runtime_error when the address is not to be had.
  heartbeat_thread(const endpoint& where, const std::string& name,
                   const cluster::settings& settings, const std::string& cluster_key);
  ~heartbeat_thread();
  heartbeat_thread(const heartbeat_thread&) = delete;
  heartbeat_thread& operator=(const heartbeat_thread&) = delete;

  [[nodiscard]] endpoint local() const { return socket_.local(); }
  [[nodiscard]] cluster::heartbeat_counters totals() const;

  void watch(std::shared_ptr<const cluster::view> view, node_id self, listener to);
  void probe_answered();
  void stop();

private:
  using clock = std::chrono::steady_clock;
  struct order {
    std::shared_ptr<const cluster::view> view;
    node_id self;
    listener to;
  };

  void run();
  void take_order();
  void tick();
  void receive();
  [[nodiscard]] std::optional<endpoint> numeric(const endpoint& e); // nullopt: not known yet

  udp_socket socket_;
  file_descriptor wake_;
  std::atomic<clock::rep> probe_answered_;
  clock::duration interval_;

  mutable std::mutex mutex_; // for the three below
  order next_;
  cluster::heartbeat_counters totals_;
  bool stopped_ = false;

  // of the thread alone
  cluster::heartbeat_unit unit_;
  listener to_;
  std::mutex resolved_mutex_;
  std::map<std::string, std::string> resolved_; // under resolved_mutex_: name to address
  name_resolver resolver_;                      // a peer's card may carry a name

  std::thread thread_;
};

} // namespace holdfast::runtime
