// The hub of a node: it joins the cluster, holds the newest view, keeps a link to every peer that
// the view names and this node needs, and tells the roles of its node about both.
//
// Who dials: everybody the coordinators; of two others, and of two coordinators, the one whose name
// comes later. A link of an older incarnation is dropped as soon as the view names a newer one.
// Who has no view asks every coordinator that is configured; the view says which one coordinates.
#pragma once

#include "actors/link.hpp"
#include "actors/messages.hpp"
#include "actors/observed.hpp"
#include "actors/world.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::actors {

// Where a coordinator is to be found. No name: whoever answers there.
struct coordinator_address {
  std::string name;
  endpoint links;
};

struct hub_options {
  world* outside = nullptr; // outlives every actor
  cluster::node_card card;
  cluster::settings settings;
  std::vector<coordinator_address> coordinators; // where to ask to be let in
};

class hub : public observed_actor {
public:
  static constexpr duration tick_interval{25ms};
  static constexpr duration redial_interval{100ms}; // after a failure
  static constexpr duration dial_patience{3s};      // dialed, linked, introduced: or all over again
  static constexpr duration rejoin_interval{300ms};

  hub(caf::actor_config& config, hub_options options);

  caf::behavior make_behavior() override;
  const char* name() const override { return "hub"; }

private:
  struct peer_link {
    caf::actor link;
    caf::node_id node;
    std::uint64_t boot = 0;
    holdfast::incarnation incarnation; // 0: no view has named it yet
  };
  void on_exit() override;
  std::string state_line() const override;

  void on_roles(role_table roles);
  void on_frame(frame& f);
  void on_incoming(incoming& batch);
  void on_hello(const cluster::hello& h);
  void add_link(const cluster::hello& peer, caf::actor link, caf::node_id node);
  void drop_link(const std::string& peer);
  void on_link_lost(const link_lost& lost);
  void on_view(std::string_view bytes);
  void adopt(shared_view next);
  bool check_own_place();
  void dial_missing();
  void dial_coordinators();
  void dial(const std::string& peer, const endpoint& address);
  void join();
  void on_tick();

  [[nodiscard]] bool serves(cluster::role r) const { return options_.card.serves == r; }
  [[nodiscard]] static bool superseded(const peer_link& link, const cluster::member& by);
  [[nodiscard]] bool needs_link_to(const cluster::member& peer) const;
  [[nodiscard]] bool dials(const cluster::member& peer) const;
  [[nodiscard]] cluster::hello introduction() const;
  [[nodiscard]] node_id self_id() const { return {options_.card.name, incarnation_}; }
  // The coordinators that we are linked to: the one that coordinates alone, if the view names one.
  [[nodiscard]] std::vector<std::string> whom_to_ask() const;
  [[nodiscard]] bool is_coordinator(const std::string& peer) const;
  [[nodiscard]] endpoint where_is(const cluster::member& peer) const;
  void send_to(const std::string& peer, cluster::frame_kind kind, std::string bytes);
  void tell_roles(const caf::message& what);

  hub_options options_;
  role_table roles_;
  incarnation incarnation_;
  shared_view view_;
  std::string answered_; // at the address of a coordinator without a name
  node_id standing_;     // coordinates by the view; empty name: nobody, or no view
  std::map<std::string, peer_link> links_;
  std::map<caf::actor_addr, caf::actor> opening_; // dialed, and not introduced yet
  // When to dial again; "" is a coordinator whose name is not known.
  std::map<std::string, instant> redial_at_;
  instant last_join_{};
};

} // namespace holdfast::actors
