#include "protocol/cluster/flow_table.hpp"

#include "protocol/core/buggify.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

void flow_table::set_targets(std::vector<target> targets) {
  if (targets == targets_) return;
  targets_ = std::move(targets);
  for (auto it = flows_.begin(); it != flows_.end();) {
    const bool lives = std::any_of(targets_.begin(), targets_.end(),
                                   [&](const target& t) { return t.address == it->target; });
    if (lives) {
      ++it;
      continue;
    }
    by_client_.erase(it->client);
    it = flows_.erase(it);
  }
}

std::optional<endpoint> flow_table::target_of(const endpoint& client, instant now) {
  const bool moves = buggify<"flow table: a flow moves">() && !targets_.empty();
  if (moves) return targets_[next_++ % targets_.size()].address;
  if (const auto known = by_client_.find(client); known != by_client_.end()) {
    known->second->used = now;
    flows_.splice(flows_.end(), flows_, known->second);
    return known->second->target;
  }
  if (targets_.empty()) return std::nullopt;
  forget_idle(now);
  const auto& chosen = targets_[next_++ % targets_.size()];
  flows_.push_back({client, chosen.address, now});
  by_client_[client] = std::prev(flows_.end());
  return chosen.address;
}

void flow_table::forget_idle(instant now) {
  while (!flows_.empty() && (flows_.size() >= flows_max || now - flows_.front().used > idle_max)) {
    by_client_.erase(flows_.front().client);
    flows_.pop_front();
  }
}

} // namespace holdfast::cluster
