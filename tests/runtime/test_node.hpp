// A node in a test: an actor system, its real world, and one actor that shows the test everything
// that reaches it.
#pragma once

#include "actors/messages.hpp"
#include "runtime/caf_configuration.hpp"
#include "runtime/real_world.hpp"
#include "tests/runtime/waiting.hpp"

#include <caf/all.hpp>
#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace holdfast::runtime {

using namespace actors;

inline const std::string key = "0123456789abcdef-cluster";

using event = std::variant<link_established, link_failed, frame, datagrams_received, peer_suspected,
                           newer_view_seen, process_ended, ledger_loaded, ledger_written,
                           name_resolved, caf::down_msg>;

// Stands for every actor of a node: what reaches it goes to the test. Answers a frame "ping".
class witness : public caf::event_based_actor {
public:
  witness(caf::actor_config& config, inbox<event>* seen)
      : caf::event_based_actor(config), seen_{seen} {
    set_down_handler([this](caf::down_msg& m) { seen_->put(std::move(m)); });
  }

  caf::behavior make_behavior() override {
    return {[this](link_established& e) {
              monitor(e.remote_hub);
              seen_->put(std::move(e));
            },
            [this](frame& f) {
              if (f.bytes == "ping") send(caf::actor_cast<caf::actor>(current_sender()), pong());
              seen_->put(std::move(f));
            },
            // A frame to the other end, with this actor as its sender.
            [this](const caf::actor& to, frame& f) { send(to, std::move(f)); },
            [this](link_failed& m) { seen_->put(std::move(m)); },
            [this](datagrams_received& m) { seen_->put(std::move(m)); },
            [this](peer_suspected& m) { seen_->put(std::move(m)); },
            [this](newer_view_seen& m) { seen_->put(std::move(m)); },
            [this](process_ended& m) { seen_->put(std::move(m)); },
            [this](ledger_loaded& m) { seen_->put(std::move(m)); },
            [this](ledger_written& m) { seen_->put(std::move(m)); },
            [this](name_resolved& m) { seen_->put(std::move(m)); }};
  }

private:
  static frame pong() { return {frame::current_version, 1, "pong"}; }

  inbox<event>* seen_;
};

inline real_world_options options(const std::string& name) {
  real_world_options o;
  o.name = name;
  o.cluster_key = key;
  return o;
}

// A node: actor system, world and witness. Every destruction is that of a node that ends.
struct node {
  explicit node(real_world_options o) : world{system, std::move(o)} {
    hub = system.spawn<witness>(&seen);
    world.accept_links(hub);
  }
  ~node() {
    caf::anon_send_exit(hub, caf::exit_reason::user_shutdown);
    hub = nullptr;
    system.await_all_actors_done();
    world.stop();
  }
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  template <class T>
  T expect() {
    auto next = seen.take();
    REQUIRE(next);
    if (const auto* failed = std::get_if<link_failed>(&*next))
      if constexpr (!std::is_same_v<T, link_failed>) FAIL("link failed: " << failed->why);
    REQUIRE(std::holds_alternative<T>(*next));
    return std::get<T>(std::move(*next));
  }

  caf_configuration config;
  caf::actor_system system{config};
  inbox<event> seen;
  real_world world;
  caf::actor hub;
};

} // namespace holdfast::runtime
