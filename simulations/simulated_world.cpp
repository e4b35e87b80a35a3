#include "simulations/simulated_world.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <spdlog/spdlog.h>

#include <set>
#include <utility>

namespace holdfast::simulations {

namespace {

// The one key under which a hub is published and asked for: a connection is between two hubs.
constexpr std::uint16_t published_hub = 1;
constexpr auto connect_timeout = std::chrono::seconds{2};

caf::actor basp_of(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

// Lives for one BASP handshake.
class link_opener : public caf::event_based_actor {
public:
  // Called with the remote hub, or with none and whether another attempt may be luckier.
  using outcome = std::function<void(caf::actor remote_hub, bool unlucky)>;

  link_opener(caf::actor_config& config, caf::io::scribe_ptr scribe, outcome on_outcome)
      : caf::event_based_actor(config), scribe_{std::move(scribe)}, done_{std::move(on_outcome)} {}

  const char* name() const override { return "link-opener"; }

  caf::behavior make_behavior() override {
    request(basp_of(home_system()), connect_timeout, caf::connect_atom::value, std::move(scribe_),
            published_hub)
        .then([this](caf::node_id&, caf::strong_actor_ptr& hub,
                     std::set<std::string>&) { done_(caf::actor_cast<caf::actor>(hub), false); },
              [this](const caf::error& why) {
                done_({}, why == caf::sec::connection_timeout
                              || why == caf::sec::disconnect_during_handshake);
              });
    return {};
  }

private:
  caf::io::scribe_ptr scribe_;
  outcome done_;
};

} // namespace

simulated_world::simulated_world(surroundings around, simulated_process& process,
                                 node_addresses addresses, const cluster::settings& settings,
                                 const std::string& cluster_key)
    : around_{std::move(around)},
      process_{process},
      addresses_{std::move(addresses)},
      entropy_{around_.time.random()},
      heartbeats_{{process.name(), {}},
                  settings.heartbeat_interval,
                  settings.heartbeat_misses,
                  cluster_key},
      probe_answered_{process.local_now()} {
  around_.network.bind(
      addresses_.heartbeats, process_,
      [this](const endpoint&, const std::string& bytes) {
        const auto ahead = heartbeats_.on_datagram(bytes, process_.local_now());
        if (ahead && watcher_)
          caf::anon_send(watcher_, actors::newer_view_seen{ahead->peer, ahead->number});
      },
      true);
  around_.time.after(around_.time.between({}, heartbeats_.interval()),
                     [this] { process_.execute([this] { heartbeat(); }); });
}

const endpoint& simulated_world::address_of(actors::socket_name socket) const {
  return socket == actors::socket_name::outside ? addresses_.outside : addresses_.inside;
}

void simulated_world::receive_datagrams(actors::socket_name socket, caf::actor receiver) {
  around_.network.bind(
      address_of(socket), process_,
      [socket, receiver](const endpoint& from, const std::string& bytes) {
        caf::anon_send(receiver, actors::datagrams_received{socket, {{from, bytes}}});
      });
}

bool simulated_world::send_datagrams(actors::socket_name socket,
                                     std::vector<actors::datagram> out) {
  for (auto& d : out)
    around_.network.send(process_, address_of(socket), d.peer, std::move(d.bytes));
  return true;
}

// Nor are there streams: nobody listens for one.
void simulated_world::send_streams(std::vector<actors::stream_output> messages) {
  actors::stream_sends_failed failed;
  for (auto& m : messages)
    if (!m.ticket.empty()) failed.tickets.push_back(std::move(m.ticket));
  if (failed.tickets.empty()) return;
  around_.time.after(1ms, [this, failed = std::move(failed)] {
    process_.execute([this, failed] {
      if (streams_) caf::anon_send(streams_, failed);
    });
  });
}

// There are no names in a simulated network.
void simulated_world::resolve(std::string name, caf::actor reply_to) {
  around_.time.after(1ms, [this, name = std::move(name), reply_to = std::move(reply_to)] {
    process_.execute([=] { caf::anon_send(reply_to, actors::name_resolved{name, {}}); });
  });
}

void simulated_world::accept_links(caf::actor hub) {
  around_.network.listen(addresses_.links, process_,
                         [hub](simulated_process& by, caf::io::connection_handle connection) {
                           caf::anon_send(basp_of(by.system()), caf::publish_atom::value,
                                          by.multiplexer().new_scribe(connection), published_hub,
                                          caf::actor_cast<caf::strong_actor_ptr>(hub),
                                          std::set<std::string>{});
                         });
}

void simulated_world::dial(std::string peer, endpoint address, caf::actor hub) {
  open_link(peer, address, hub, dial_attempts);
}

void simulated_world::open_link(const std::string& peer, const endpoint& address,
                                const caf::actor& hub, int attempts_left) {
  around_.network.dial(process_, address, [=, this](const simulated_network::dial_result& dialed) {
    if (dialed.peer == nullptr || (!peer.empty() && dialed.peer->name() != peer)) {
      caf::anon_send(hub, actors::link_failed{peer, dialed.peer ? "another name" : dialed.why});
      return;
    }
    const auto proved = dialed.peer->name();
    process_.system().spawn<link_opener, caf::hidden>(
        process_.multiplexer().new_scribe(dialed.connection),
        [=, this](const caf::actor& remote_hub, bool unlucky) {
          if (remote_hub)
            caf::anon_send(hub, actors::link_established{proved, remote_hub});
          else if (unlucky && attempts_left > 1)
            open_link(peer, address, hub, attempts_left - 1);
          else
            caf::anon_send(hub, actors::link_failed{peer, "BASP"});
        });
  });
}

void simulated_world::watch(actors::shared_view view, node_id self, caf::actor hub) {
  view_ = std::move(view);
  watcher_ = std::move(hub);
  heartbeats_.set_view(*view_, std::move(self), process_.local_now());
}

void simulated_world::heartbeat() {
  const auto now = process_.local_now();
  auto turn = heartbeats_.on_tick(now, now - probe_answered_);
  for (auto& d : turn.send)
    around_.network.send(process_, addresses_.heartbeats, d.to, std::move(d.bytes));
  for (const auto& change : turn.changes)
    if (watcher_) caf::anon_send(watcher_, actors::peer_suspected{change.of, change.suspected});
  around_.time.after(heartbeats_.interval(), [this] { process_.execute([this] { heartbeat(); }); });
}

void simulated_world::ledger_load(caf::actor reply_to) {
  around_.ledger.load(
      [this, reply_to](std::uint64_t number, const std::string& bytes, const std::string& error) {
        process_.execute([=] {
          caf::anon_send(reply_to, actors::ledger_loaded{number > 0, bytes, error});
        });
      });
}

void simulated_world::ledger_compare_and_swap(std::uint64_t number, std::string bytes,
                                              caf::actor reply_to) {
  around_.ledger.compare_and_swap(
      number, std::move(bytes), [this, number, reply_to](bool written, const std::string& error) {
        const auto why = written ? "" : error.empty() ? "lost the race" : error;
        process_.execute([=] {
          caf::anon_send(reply_to, actors::ledger_written{number, written, why});
        });
      });
}

void simulated_world::observe_processes(caf::actor receiver) {
  around_.launcher.observe(process_, std::move(receiver));
}

bool simulated_world::kill_process(const std::string& name, std::int64_t pid) {
  return around_.launcher.kill(name, pid);
}

void simulated_world::fail_stop(std::string_view why) {
  if (process_.alive()) around_.fail_stop(process_, std::string{why});
}

} // namespace holdfast::simulations
