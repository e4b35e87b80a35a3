// The five things from outside, for one simulated node: what runtime/real_world.hpp is in the
// product. Nothing in here decides; it carries orders to the network, the ledger and the launcher,
// and their answers back as messages.
#pragma once

#include "actors/world.hpp"
#include "protocol/cluster/heartbeat.hpp"
#include "protocol/session/entropy.hpp"
#include "simulations/simulated_launcher.hpp"
#include "simulations/simulated_ledger.hpp"
#include "simulations/simulated_network.hpp"

#include <functional>
#include <map>
#include <string>

namespace holdfast::simulations {

// Of one node; a restarted node has the same again.
struct node_addresses {
  endpoint links;
  endpoint heartbeats;
  endpoint inside;
  endpoint outside; // dispatchers only
};

struct surroundings {
  timeline& time;
  simulated_network& network;
  simulated_ledger& ledger;
  simulated_launcher& launcher;
  std::function<void(simulated_process&, std::string why)> fail_stop;
};

class simulated_world final : public actors::world {
public:
  simulated_world(surroundings around, simulated_process& process, node_addresses addresses,
                  const cluster::settings& settings, const std::string& cluster_key);

  // The newest view that this node's heartbeat unit was given.
  [[nodiscard]] const actors::shared_view& watched() const { return view_; }

  [[nodiscard]] std::uint64_t random() override { return entropy_.next(); }
  void receive_datagrams(actors::socket_name socket, caf::actor receiver) override;
  bool send_datagrams(actors::socket_name socket, std::vector<actors::datagram> out) override;
  void receive_streams(caf::actor receiver) override { streams_ = std::move(receiver); }
  void trust_relays(std::vector<std::string>) override {}
  void send_streams(std::vector<actors::stream_output> messages) override;
  void relay_streams(std::vector<endpoint>) override {}
  void resolve(std::string name, caf::actor reply_to) override;
  void accept_links(caf::actor hub) override;
  void dial(std::string peer, endpoint address, caf::actor hub) override;
  void watch(actors::shared_view view, node_id self, caf::actor hub) override;
  void probe_answered() override { probe_answered_ = process_.local_now(); }
  void ledger_load(caf::actor reply_to) override;
  void ledger_compare_and_swap(std::uint64_t number, std::string bytes,
                               caf::actor reply_to) override;
  void observe_processes(caf::actor receiver) override;
  bool kill_process(const std::string& name, std::int64_t pid) override;
  void fail_stop(std::string_view why) override;

private:
  // A handshake that meets BASP's heartbeat tick fails and is tried once more, as in the product.
  static constexpr int dial_attempts = 2;

  [[nodiscard]] const endpoint& address_of(actors::socket_name socket) const;
  void open_link(const std::string& peer, const endpoint& address, const caf::actor& hub,
                 int attempts_left);
  void heartbeat();

  surroundings around_;
  simulated_process& process_;
  node_addresses addresses_;
  session::entropy entropy_;
  cluster::heartbeat_unit heartbeats_;
  instant probe_answered_;
  actors::shared_view view_;
  caf::actor watcher_;
  caf::actor streams_;
};

} // namespace holdfast::simulations
