// How batches of what arrives at a socket come to an actor without ever letting its mailbox grow
// without bound: CAF answers a request when its handler returns, so a feed knows how far behind its
// receiver is.
//
//   thread --batch--> feed actor --request--> receiver
//                          <----- answered ------
#pragma once

#include "actors/messages.hpp"

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>

#include <functional>
#include <utility>

namespace holdfast::runtime {

class batch_feed : public caf::event_based_actor {
public:
  // `answered`: a batch was dealt with, or its receiver has ended. Sent an actor it delivers there.
  batch_feed(caf::actor_config& config, std::function<void()> answered)
      : caf::event_based_actor(config), answered_{std::move(answered)} {}

  const char* name() const override { return "batch-feed"; }

  caf::behavior make_behavior() override {
    return {[this](caf::actor& receiver) { receiver_ = std::move(receiver); },
            [this](actors::datagrams_received& batch) { pass(std::move(batch)); },
            [this](actors::stream_messages_received& batch) { pass(std::move(batch)); }};
  }

private:
  template <class Batch>
  void pass(Batch batch) {
    // Without a time-out, which CAF would keep 256 bytes for until it is over, long after the
    // answer: a local request is always answered, if only because its receiver ended.
    request(receiver_, caf::infinite, std::move(batch))
        .then([this] { answered_(); }, [this](const caf::error&) { answered_(); });
  }

  caf::actor receiver_;
  std::function<void()> answered_;
};

} // namespace holdfast::runtime
