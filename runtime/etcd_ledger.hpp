// The ledger in etcd (3.4 or later), through its JSON gateway: range and txn, nothing more.
//
//   PREFIX/ledger   what file_ledger would write: number, length, checksum, bytes
//
//   write =  txn: it still has the revision that we know -> put
//
// What was written says which coordinator wrote it (protocol/cluster/candidacy.hpp): one that was
// taken over fails with its next write, and reads by whom. etcd decides who, never when: no lease,
// no time-to-live, and no answer of etcd's ever makes anybody dead. While etcd is slow, down or in
// a minority, writes fail, no shard changes its owner, and calls go on.
//
// The connection is plain HTTP without a user: etcd is to be on this machine or on a network of its
// own.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "runtime/ledger.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::runtime {

struct etcd_options {
  std::vector<endpoint> servers; // tried in turn, from the one that answered last
  std::string prefix = "holdfast";
  std::chrono::milliseconds time_out{1000}; // of one request to one server
};

class etcd_ledger final : public ledger {
public:
  // Throws std::runtime_error without a server. Asks nothing before load().
  explicit etcd_ledger(etcd_options options);
  ~etcd_ledger() override;
  etcd_ledger(const etcd_ledger&) = delete;
  etcd_ledger& operator=(const etcd_ledger&) = delete;

  void load(load_callback done) override;
  void compare_and_swap(std::uint64_t number, std::string bytes, write_callback done) override;
  void stop() override; // waits for the request under way, at most; drops the others

private:
  struct held {
    std::uint64_t number = 0;
    std::int64_t revision = 0; // etcd's; 0: the key is not there
  };

  void enqueue(std::function<void()> job);
  void run();
  [[nodiscard]] result<std::optional<ledger_content>> read();
  [[nodiscard]] result<std::uint64_t> write(std::uint64_t number, const std::string& bytes);
  [[nodiscard]] result<std::string> ask(const std::string& what, const std::string& json);

  etcd_options options_;
  std::string ledger_key_; // in base64, as the gateway wants it

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopped_ = false;

  // of the thread alone
  std::optional<held> held_;
  std::size_t server_ = 0;
  std::thread thread_;
};

} // namespace holdfast::runtime
