#include "runtime/stream_feed.hpp"

#include "runtime/batch_feed.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <utility>

namespace holdfast::runtime {

stream_feed::stream_feed(caf::actor_system& system, sip_streams::options options)
    : streams_{std::move(options)},
      feed_{system.spawn<batch_feed, caf::hidden>(
          [in_flight = in_flight_, stopped = stopped_, streams = &streams_] {
            // Half of the window, so that a connection is not stopped for every batch.
            if (--*in_flight == batches_in_flight_max / 2 && !*stopped) streams->resume();
          })} {}

stream_feed::~stream_feed() {
  stop();
}

void stream_feed::deliver_to(const caf::actor& receiver) {
  if (*stopped_) return;
  caf::anon_send(feed_, receiver);
  streams_.receive(
      [in_flight = in_flight_, feed = feed_](std::vector<actors::stream_message> messages) {
        const auto before = (*in_flight)++;
        caf::anon_send(feed, actors::stream_messages_received{std::move(messages)});
        return before + 1 < batches_in_flight_max;
      },
      [receiver](std::vector<std::string> tickets) {
        caf::anon_send(receiver, actors::stream_sends_failed{std::move(tickets)});
      });
}

void stream_feed::stop() {
  if (stopped_->exchange(true)) return;
  streams_.stop();
  caf::anon_send_exit(feed_, caf::exit_reason::user_shutdown);
}

} // namespace holdfast::runtime
