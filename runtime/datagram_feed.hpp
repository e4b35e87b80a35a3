// Carries what arrives on one UDP socket to an actor (batch_feed.hpp).
// With batches_in_flight_max unanswered the thread stops reading, and the kernel's buffer (4 MiB),
// then the kernel itself, takes the rest.
#pragma once

#include "actors/messages.hpp"
#include "runtime/udp_socket.hpp"

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

namespace holdfast::runtime {

// Shared by the thread and its actor. A batch is answered, or its receiver has ended.
struct feed_window {
  std::atomic<std::uint32_t> in_flight{0};
  std::atomic<bool> stopped{false};
};

class datagram_feed {
public:
  static constexpr std::uint32_t batches_in_flight_max = 32; // of up to 64 datagrams

  datagram_feed(caf::actor_system& system, udp_socket& socket, actors::socket_name name);
  ~datagram_feed();
  datagram_feed(const datagram_feed&) = delete;
  datagram_feed& operator=(const datagram_feed&) = delete;

  void deliver_to(caf::actor receiver); // nothing is read before the first
  void stop();                          // not concurrently with deliver_to()
  [[nodiscard]] std::uint64_t waits() const { return waits_; }

private:
  void run();
  void deliver_what_is_there();

  udp_socket& socket_;
  actors::socket_name name_;
  std::shared_ptr<feed_window> window_ = std::make_shared<feed_window>();
  std::atomic<std::uint64_t> waits_{0};
  file_descriptor wake_;
  std::atomic<bool> reading_{false};
  caf::actor feed_;
  std::thread thread_;
};

} // namespace holdfast::runtime
