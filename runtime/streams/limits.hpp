// What one process lets its stream connections cost. Every table and every wait has its bound here.
#pragma once

#include <chrono>
#include <cstddef>

namespace holdfast::runtime {

struct stream_limits {
  using milliseconds = std::chrono::milliseconds;

  std::size_t connections = 10'000; // then new ones are closed at once
  // Of those one client address can have so many: whoever opens them without end leaves room for
  // the others.
  [[nodiscard]] std::size_t connections_of_one_source() const { return (connections + 1) / 2; }
  milliseconds idle{600'000}; // nothing at all came: RFC 5626 4.4.1 clients ping more often
  milliseconds first_message{30'000};
  milliseconds message{10'000};       // from its first byte to its last
  milliseconds header{5'000};         // PROXY protocol, and the TLS or WebSocket handshake
  milliseconds connect{4'000};        // to somebody else
  milliseconds stalled{30'000};       // the other end takes nothing of what we write
  std::size_t unsent_bytes = 1 << 20; // per connection that the other end has not taken yet
  std::size_t deaf_bytes = 64 << 10;  // with so much unsent nothing more is read: let it take first
  static constexpr int socket_bytes =
      128 << 10; // in the kernel, each way, instead of the megabytes it grows to
};

} // namespace holdfast::runtime
