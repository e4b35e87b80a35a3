// The console: health, status and operations over HTTP, in a thread of its own on the coordinator.
//
//   curl, browsers, `holdfast members` --HTTP/1.1--> console --console_backend--> coordinator actor
//
//   GET  /healthz               200: this process answers
//   GET  /readyz                200 or 503 with {"ready": false, "reason": "..."}
//   GET  /api/v1/members        [{name, role, state, incarnation, pid, sessions}], the coordinator
//   too GET  /api/v1/shards         [{shard, epoch, owner, replicas, in_sync, sessions, active,
//                               unprotected, ...}]
//   GET  /api/v1/status         counters and the latest events: [{at_ms, alarm, what}], unix time
//   POST /api/v1/kill/NAME      SIGKILLs a node that the launcher supervises
//   POST /api/v1/drain/NAME     moves everything a container holds elsewhere; it gets nothing new
//   POST /api/v1/undrain/NAME   takes that back
//   POST /api/v1/move/SHARD/NAME  makes that container the owner of the shard
//
// Nothing from the network is trusted: sizes, connections and time are bounded, what does not parse
// gets 400 and is counted. There is no password; the defence is the loopback address, and for
// browsers that can reach it a check of Host (on everything) and Origin (on POST).
#pragma once

#include "protocol/core/endpoint.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::runtime {

struct console_reply {
  unsigned status = 200; // of HTTP
  std::string json;
};

// What the console shows; implemented by whoever knows. Called from the console's thread and must
// not block; `done` may be called from any thread, once. The console answers 504 by itself when it
// is not called in time, and a late call does nothing.
class console_backend {
public:
  using done = std::function<void(console_reply)>;

  virtual ~console_backend() = default;
  virtual void ready(done reply) = 0;
  virtual void members(done reply) = 0;
  virtual void shards(done reply) = 0;
  virtual void status(done reply) = 0;
  // What an operator wants done to a node.
  enum class operation : std::uint8_t { kill, drain, undrain, move };
  virtual void operate(operation what, std::string node, std::uint16_t shard, done reply) = 0;
};

struct console_options {
  endpoint address;
  std::vector<std::string> hosts; // accepted in Host beside the address and localhost
  std::size_t connections_max = 64;
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t body_bytes_max = 64 * 1024;
  std::chrono::milliseconds idle_max{10'000};
  std::chrono::milliseconds answer_max{3'000};
};

struct console_counters {
  std::uint64_t requests = 0;
  std::uint64_t malformed = 0;
  std::uint64_t refused = 0; // by Host, Origin or the bound on connections
};

class console {
public:
  // Listens before it returns; throws std::system_error when the address cannot be had.
  console(console_options options, std::shared_ptr<console_backend> backend);
  ~console(); // stops listening, drops what is open, joins the thread

  console(const console&) = delete;
  console& operator=(const console&) = delete;

  [[nodiscard]] console_counters counters() const;
  [[nodiscard]] std::uint16_t port() const; // the real one, if `address` had port 0

private:
  struct server;
  std::shared_ptr<server> server_;
};

// {"error": "..."}
[[nodiscard]] std::string error_json(std::string_view what);

} // namespace holdfast::runtime
