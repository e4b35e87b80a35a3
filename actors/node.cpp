#include "actors/node.hpp"

#include "actors/container.hpp"
#include "actors/coordinator_actor.hpp"
#include "actors/dispatcher.hpp"
#include "actors/hub.hpp"
#include "actors/inspector.hpp"
#include "actors/proxy.hpp"
#include "actors/role.hpp"
#include "actors/shard.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <deque>

namespace holdfast::actors {

namespace {

constexpr duration probe_interval{25ms};

// Any worker that runs it shows that not all of them are stuck.
class probe : public observed_actor {
public:
  probe(caf::actor_config& config, world* outside) : observed_actor(config), outside_{outside} {}

  caf::behavior make_behavior() override {
    send(this, tick{});
    return {[this](tick) {
      outside_->probe_answered();
      delayed_send(this, probe_interval, tick{});
    }};
  }
  const char* name() const override { return "probe"; }

private:
  world* outside_;
};

class node : public observed_actor {
public:
  // More restarts of a role than this within the period, and the node ends itself.
  static constexpr std::size_t restarts_max = 3;
  static constexpr duration restart_period{10s};

  node(caf::actor_config& config, world* outside, node_options options)
      : observed_actor(config), outside_{outside}, options_{std::move(options)} {}

  caf::behavior make_behavior() override {
    set_down_handler([this](const caf::down_msg& down) { on_down(down); });
    // First, and known by name: whoever starts introduces itself to it.
    roles_.inspector = spawn<inspector>(inspector_options{options_.card.name, outside_});
    home_system().registry().put(caf::atom("inspector"),
                                 caf::actor_cast<caf::strong_actor_ptr>(roles_.inspector));
    introduce();
    roles_.hub = watch(
        spawn<hub>(hub_options{outside_, options_.card, options_.settings, options_.coordinators}));
    probe_ = watch(spawn<probe>(outside_));
    start_role();
    send(roles_.hub, roles_);
    return {[this](caf::get_atom) { return roles_.coordinator; },
            [this](caf::sys_atom) { return roles_.inspector; }};
  }
  const char* name() const override { return "node"; }

private:
  std::string state_line() const override {
    return options_.card.name + ", " + std::to_string(restarts_.size()) + " restarts of its role";
  }

  void on_exit() override {
    home_system().registry().erase(caf::atom("inspector"));
    for (const auto& a : {roles_.coordinator, roles_.dispatcher, roles_.proxy, roles_.container,
                          probe_, roles_.hub, roles_.inspector})
      if (a) send_exit(a, caf::exit_reason::user_shutdown);
    roles_ = {};
    probe_ = nullptr;
    observed_actor::on_exit();
  }

  caf::actor watch(caf::actor child) {
    monitor(child);
    return child;
  }

  void start_role() {
    const auto& name = options_.card.name;
    switch (options_.card.serves) {
    case cluster::role::coordinator:
      roles_.coordinator = watch(spawn<coordinator_actor>(
          coordinator_options{outside_, roles_.hub, name, options_.settings}));
      break;
    case cluster::role::dispatcher:
      roles_.dispatcher = watch(
          spawn<dispatcher>(dispatcher_options{outside_, name, options_.environment->advertised}));
      break;
    case cluster::role::proxy:
      roles_.proxy = watch(spawn<proxy>(proxy_options{outside_, name, options_.settings,
                                                      options_.environment->tokens,
                                                      options_.environment->advertised}));
      break;
    case cluster::role::container:
      roles_.container = watch(spawn<container>(
          container_options{outside_, roles_.hub, name, options_.card.boot, options_.settings,
                            options_.policy, options_.limits, options_.environment}));
      break;
    }
  }

  // Proxies and dispatchers hold nothing that a restart could lose. The others do: a container's
  // sessions are held elsewhere, the coordinator's decisions are in the ledger, so the node ends.
  void on_down(const caf::down_msg& down) {
    if (!down.reason || down.reason == caf::exit_reason::user_shutdown) return;
    const auto why = home_system().render(down.reason);
    const bool restartable = (roles_.proxy && down.source == roles_.proxy.address())
                             || (roles_.dispatcher && down.source == roles_.dispatcher.address());
    const auto now = now_of(home_system());
    while (!restarts_.empty() && now - restarts_.front() > restart_period) restarts_.pop_front();
    if (!restartable || restarts_.size() >= restarts_max) {
      outside_->fail_stop(options_.card.name + ": an actor that is not restarted ended by " + why);
      return;
    }
    restarts_.push_back(now);
    spdlog::error("{}: the {} ended by {}; restarted", options_.card.name,
                  cluster::to_string(options_.card.serves), why);
    start_role();
    send(roles_.hub, roles_);
  }

  world* outside_;
  node_options options_;
  role_table roles_;
  caf::actor probe_;
  std::deque<instant> restarts_;
};

} // namespace

caf::actor start_node(caf::actor_system& system, world& outside, node_options options) {
  return system.spawn<node>(&outside, std::move(options));
}

void register_types(caf::actor_system_config& config) {
  config.add_message_type<frame>("frame");
  config.add_actor_type<shard, const frame&>("shard");
}

} // namespace holdfast::actors
