// The stream side of a dispatcher: connections to the public address, each relayed byte for byte to
// one proxy behind a PROXY protocol header that says whose it is. Of SIP, TLS and WebSocket it
// knows nothing. One thread; the functions may be called from any.
//
//   client <--bytes--> [relayed] <--PROXY v2, bytes--> proxy      16 kB each way, then it waits
//
// A new connection goes to the next proxy that takes it. When a proxy leaves the targets its
// clients are closed: half a message may have died with it, and a client that connects again and
// repeats what was not answered is understood by any other proxy.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "runtime/streams/limits.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace holdfast::runtime {

class stream_relay {
public:
  struct counters {
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> refused{0}; // too many, or no proxy takes it
    std::atomic<std::uint64_t> open{0};
  };

  // Throws std::runtime_error. Nothing is accepted before there are targets.
  stream_relay(const std::vector<endpoint>& listen, stream_limits limits);
  ~stream_relay();
  stream_relay(const stream_relay&) = delete;
  stream_relay& operator=(const stream_relay&) = delete;

  [[nodiscard]] std::vector<endpoint> local() const; // in the order of `listen`
  [[nodiscard]] const counters& totals() const;

  void set_targets(std::vector<endpoint> proxies);
  void stop();

private:
  class engine;
  std::unique_ptr<engine> engine_;
};

} // namespace holdfast::runtime
