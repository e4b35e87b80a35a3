#include "protocol/cluster/lease.hpp"

#include "protocol/core/buggify.hpp"

#include <algorithm>

namespace holdfast::cluster {

std::uint64_t lease_holder::next_tick(const std::string& peer, instant now) {
  auto& p = peers_[peer];
  p.sent_ticks.push_back({++tick_, now});
  if (p.sent_ticks.size() > remembered_ticks) p.sent_ticks.pop_front();
  return tick_;
}

void lease_holder::acked(const std::string& peer, std::uint64_t tick) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  auto& p = found->second;
  while (!p.sent_ticks.empty() && p.sent_ticks.front().tick <= tick) {
    if (p.sent_ticks.front().tick == tick)
      p.until = std::max(p.until, p.sent_ticks.front().at + lease_);
    p.sent_ticks.pop_front();
  }
}

void lease_holder::forget(const std::string& peer) {
  peers_.erase(peer);
}

bool lease_holder::holds(const std::string& peer, instant now) const {
  const auto found = peers_.find(peer);
  const auto margin = buggify<"lease: a slow clock's margin">() ? lease_ / 2 : duration{};
  return found != peers_.end() && now + margin < found->second.until;
}

void lease_granter::require_view(const std::string& peer, view_number number) {
  auto& required = peers_[peer].required;
  required = std::max(required, number);
}

std::optional<keepalive_ack> lease_granter::on_keepalive(const std::string& peer,
                                                         const keepalive& k, view_number our_view,
                                                         instant now) {
  auto& p = peers_[peer];
  sometimes<"lease: an old owner is refused">(k.view < p.required);
  if (k.view < p.required) return std::nullopt;
  if (buggify<"lease: is not granted">()) return std::nullopt;
  p.last_ack = now;
  return keepalive_ack{k.tick, our_view};
}

instant lease_granter::silent_from(const std::string& peer) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || found->second.last_ack == instant::min()) return instant::min();
  return found->second.last_ack + lease_;
}

} // namespace holdfast::cluster
