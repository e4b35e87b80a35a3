// The hub of a node: it joins the cluster, holds the newest view, keeps a link to every peer that
// the view names and this node needs, and tells the roles of its node about both.
//
// Who dials: everybody the coordinator; of two others, the one whose name comes later. A link of an
// older incarnation is dropped as soon as the view names a newer one.
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

struct hub_options {
  world* outside = nullptr; // outlives every actor
  cluster::node_card card;
  cluster::settings settings;
  endpoint coordinator; // where to ask to be let in; unused by the coordinator itself
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
  void dial(const std::string& peer, const endpoint& address);
  void join();
  void on_tick();

  [[nodiscard]] bool serves(cluster::role r) const { return options_.card.serves == r; }
  [[nodiscard]] static bool superseded(const peer_link& link, const cluster::member& by);
  [[nodiscard]] bool needs_link_to(const cluster::member& peer) const;
  [[nodiscard]] bool dials(const cluster::member& peer) const;
  [[nodiscard]] cluster::hello introduction() const;
  [[nodiscard]] node_id self_id() const { return {options_.card.name, incarnation_}; }
  void send_to(const std::string& peer, cluster::frame_kind kind, std::string bytes);
  void tell_roles(const caf::message& what);

  hub_options options_;
  role_table roles_;
  incarnation incarnation_;
  shared_view view_;
  std::string coordinator_name_; // known once the link to it is up
  std::map<std::string, peer_link> links_;
  // When to dial again; "" is the coordinator before its name is known.
  std::map<std::string, instant> redial_at_;
  instant last_join_{};
};

} // namespace holdfast::actors
