// The console: health, status and operations over HTTP, in a thread of its own on the coordinator.
//
//   curl, browsers, `holdfast members` --HTTP/1.1--> console --console_backend--> coordinator actor
//
//   GET  /healthz, /readyz      this process answers; the cluster serves (200) or not (503)
//   GET  /metrics               Prometheus text
//   GET  /api/v1/...            JSON, as /api/v1/openapi.json says (console/web/openapi.json)
//   GET  /api/v1/stream         WebSocket: what is watched, when it changes (console/stream.hpp)
//   POST /api/v1/...            operations, with the token of the state directory only:
//                               kill, drain, undrain, move, trace
//   GET  /...                   the front end (console/web), where it was built
//
// Nothing from the network is trusted: sizes, connections and time are bounded, what does not parse
// gets 400 and is counted. Host is checked on everything, Origin on POST and WebSocket, so that no
// page from elsewhere reaches this one through a browser. Every operation leaves a line in the log.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "runtime/console/query.hpp"

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
  std::string_view type = "application/json";
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

  // Any other GET or POST, below /api/v1/ and /metrics. False: there is nothing there.
  virtual bool look(const console_query&, done) { return false; }
  virtual bool act(const console_query&, done) { return false; }
};

struct console_options {
  endpoint address;
  std::vector<std::string> hosts; // accepted in Host beside the address and localhost
  std::string token = {};         // that POST has to bring; empty: nobody may do anything
  std::size_t connections_max = 192;
  std::size_t streams_max = 128;
  std::size_t header_bytes_max = 8 * 1024;
  std::size_t body_bytes_max = 64 * 1024;
  std::chrono::milliseconds idle_max{10'000};
  std::chrono::milliseconds answer_max{3'000};
};

struct console_counters {
  std::uint64_t requests = 0;
  std::uint64_t malformed = 0;
  std::uint64_t refused = 0; // by Host, Origin, token or the bound on connections
  std::uint64_t streams = 0; // WebSockets open now
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
