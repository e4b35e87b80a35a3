#include "runtime/datagram_feed.hpp"

#include "runtime/batch_feed.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <array>
#include <poll.h>
#include <utility>

namespace holdfast::runtime {

datagram_feed::datagram_feed(caf::actor_system& system, udp_socket& socket,
                             actors::socket_name name)
    : socket_{socket},
      name_{name},
      wake_{make_wake_descriptor()},
      feed_{system.spawn<batch_feed, caf::hidden>([window = window_] {
        --window->in_flight;
        window->in_flight.notify_one();
      })},
      thread_{[this] { run(); }} {}

datagram_feed::~datagram_feed() {
  stop();
}

void datagram_feed::deliver_to(caf::actor receiver) {
  if (window_->stopped) return;
  caf::anon_send(feed_, std::move(receiver));
  reading_ = true;
  wake(wake_);
}

void datagram_feed::stop() {
  if (window_->stopped.exchange(true)) return;
  // A waiting thread looks again when the number changes; this one is out of any answer's reach.
  window_->in_flight += batches_in_flight_max * 2;
  window_->in_flight.notify_all();
  wake(wake_);
  thread_.join();
  caf::anon_send_exit(feed_, caf::exit_reason::user_shutdown);
}

void datagram_feed::run() {
  for (;;) {
    std::array<pollfd, 2> watched{
        {{wake_.get(), POLLIN, 0},
         {socket_.descriptor(), static_cast<short>(reading_ ? POLLIN : 0), 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0) continue; // a signal
    if (watched[0].revents != 0) drain(wake_);
    if (window_->stopped) return;
    if (watched[1].revents != 0) deliver_what_is_there();
  }
}

void datagram_feed::deliver_what_is_there() {
  const auto& batch = socket_.receive();
  if (batch.empty()) return;
  actors::datagrams_received message{name_, {}};
  message.datagrams.reserve(batch.size());
  for (const auto& d : batch) message.datagrams.push_back({d.peer, std::string{d.bytes}});
  const auto before = ++window_->in_flight;
  caf::anon_send(feed_, std::move(message));
  if (before < batches_in_flight_max) return;
  ++waits_;
  for (auto now = window_->in_flight.load(); now >= batches_in_flight_max && !window_->stopped;
       now = window_->in_flight.load())
    window_->in_flight.wait(now);
}

} // namespace holdfast::runtime
