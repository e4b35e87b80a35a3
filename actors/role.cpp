#include "actors/role.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <bit>

namespace holdfast::actors {

role_actor::role_actor(caf::actor_config& config)
    : observed_actor(config), view_{std::make_shared<const cluster::view>()} {}

bool role_actor::send_to(const std::string& peer, cluster::frame_kind kind, std::string bytes) {
  const auto link = links_.find(peer);
  if (link == links_.end()) return false;
  send(link->second.actor, outgoing{kind, std::move(bytes)});
  return true;
}

std::optional<caf::node_id> role_actor::caf_node_of(const std::string& peer) const {
  const auto link = links_.find(peer);
  return link == links_.end() ? std::nullopt : std::optional{link->second.node};
}

void role_actor::every(duration interval) {
  tick_interval_ = interval;
  delayed_send(this, interval, tick{});
}

void role_actor::on_link(const std::string&, bool) {}
void role_actor::on_frame(const std::string&, cluster::frame_kind, std::string_view) {}
void role_actor::on_congestion(const std::string&, bool) {}

void role_actor::adopt_view(shared_view next) {
  if (next->number <= view_->number) return;
  view_ = std::move(next);
  on_view();
}

void role_actor::count_malformed() {
  if (std::has_single_bit(++malformed_))
    spdlog::warn("{}: {} malformed frames from peers so far; ignored", name(), malformed_);
}

caf::message_handler role_actor::common() {
  return {
      [this](view_changed& changed) { adopt_view(std::move(changed.now)); },
      [this](link_up& up) {
        links_[up.peer] = {up.link, up.node};
        reachable_.insert(up.peer);
        on_link(up.peer, true);
      },
      [this](link_down& down) {
        const auto link = links_.find(down.peer);
        if (link == links_.end() || link->second.actor != down.link) return; // replaced meanwhile
        links_.erase(link);
        reachable_.erase(down.peer);
        on_link(down.peer, false);
      },
      [this](incoming& batch) {
        for (const auto& item : batch.items) on_frame(batch.peer, item.kind, item.bytes);
        on_batch_end();
        send(batch.link, batch_done{batch.batch});
      },
      [this](link_congested& c) { on_congestion(c.peer, c.congested); },
      [this](tick) {
        delayed_send(this, tick_interval_, tick{});
        on_tick();
      },
  };
}

} // namespace holdfast::actors
