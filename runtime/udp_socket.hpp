// A bound UDP socket. Reading belongs to one thread, writing to anybody; neither waits for the
// other side of the network. What the network throws back (ICMP, full buffers) is counted and
// changes nothing.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "runtime/file_descriptor.hpp"
#include "runtime/socket_address.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::runtime {

class udp_socket {
public:
  static constexpr std::size_t batch_max = 64;
  static constexpr std::size_t datagram_bytes_max = 65'535;
  static constexpr int kernel_buffer_bytes = 4 << 20; // each way; the system may give less

  struct datagram_view {
    endpoint peer;
    std::string_view bytes; // valid until the next receive()
  };
  struct counters {
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> dropped{0}; // the kernel's send buffer was full
    std::atomic<std::uint64_t> refused{0}; // not numeric, unreachable or too large
  };

  // Throws std::runtime_error; `purpose` is for its sentence.
  udp_socket(const endpoint& where, std::string_view purpose);
  ~udp_socket();

  [[nodiscard]] int descriptor() const { return fd_.get(); }
  [[nodiscard]] endpoint local() const { return local_; }
  [[nodiscard]] const counters& totals() const { return counters_; }

  // What is there now, at most batch_max; empty: nothing. One thread only.
  [[nodiscard]] const std::vector<datagram_view>& receive();

  // A datagram to send; the bytes stay the caller's.
  struct outgoing_view {
    const endpoint* peer;
    std::string_view bytes;
  };
  // Never blocks; any thread. What the kernel does not take is dropped and counted.
  void send(std::span<const outgoing_view> datagrams);

private:
  struct receive_buffers;

  void send_batch(std::span<const outgoing_view> datagrams);

  file_descriptor fd_;
  int family_ = 0;
  endpoint local_;
  counters counters_;
  std::unique_ptr<receive_buffers> buffers_; // made by the first receive()
  std::vector<datagram_view> received_;
};

} // namespace holdfast::runtime
