#include "protocol/cluster/open_invites.hpp"

#include <utility>

namespace holdfast::cluster {

void open_invites::arrived(std::string_view branch, const sip_in& message, instant now) {
  if (branch.empty() || kept_.size() >= invites_max || kept_.contains(branch)) return;
  auto& e = kept_[std::string{branch}];
  e.message = message;
  e.message.may_create = false;
  e.since = now;
}

void open_invites::answered(const sip::message_view& response, shard_id shard, const view& v) {
  const auto via = response.top_via();
  if (!via) return;
  const auto found = kept_.find(via->branch);
  if (found == kept_.end()) return;
  const auto cseq = response.cseq();
  if (!cseq || cseq->method != "INVITE") return; // a CANCEL has the same branch
  if (response.status() >= 200) {
    kept_.erase(found);
    return;
  }
  const auto* owned = v.shard(shard);
  if (owned == nullptr) return;
  found->second.shard = shard;
  found->second.owner = owned->owner;
  found->second.orphaned_at.reset();
}

std::vector<sip_in> open_invites::orphaned(const view& v, instant now) {
  std::vector<sip_in> asked;
  for (auto it = kept_.begin(); it != kept_.end();) {
    auto& e = it->second;
    const auto* owned = v.shard(e.shard);
    if (e.owner.name.empty() || owned == nullptr) {
      ++it;
    } else if (v.alive(e.owner)) {
      e.owner = owned->owner; // a shard that moves takes its sessions along
      ++it;
    } else if (!e.orphaned_at || now - *e.orphaned_at < patience) {
      e.orphaned_at = e.orphaned_at.value_or(now);
      ++it;
    } else {
      asked.push_back(std::move(e.message));
      it = kept_.erase(it);
    }
  }
  return asked;
}

void open_invites::expire(instant now) {
  if (now - swept_ < sweep_interval) return;
  swept_ = now;
  std::erase_if(kept_, [&](const auto& k) { return now - k.second.since >= kept_for; });
}

} // namespace holdfast::cluster
