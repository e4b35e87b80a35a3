// Carries what arrives over the streams of a proxy to its actor (batch_feed.hpp). With
// batches_in_flight_max unanswered no connection is read from, and TCP makes the senders wait.
#pragma once

#include "actors/messages.hpp"
#include "runtime/streams/sip_streams.hpp"

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include <atomic>
#include <cstdint>
#include <memory>

namespace holdfast::runtime {

class stream_feed {
public:
  static constexpr std::uint32_t batches_in_flight_max = 64; // of up to 16 kB

  stream_feed(caf::actor_system& system, sip_streams::options options);
  ~stream_feed();
  stream_feed(const stream_feed&) = delete;
  stream_feed& operator=(const stream_feed&) = delete;

  [[nodiscard]] sip_streams& streams() { return streams_; }
  void deliver_to(const caf::actor& receiver);
  void stop();

private:
  std::shared_ptr<std::atomic<std::uint32_t>> in_flight_ =
      std::make_shared<std::atomic<std::uint32_t>>(0);
  sip_streams streams_;
  std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
  caf::actor feed_;
};

} // namespace holdfast::runtime
