#include "protocol/cluster/open_requests.hpp"

#include <utility>

namespace holdfast::cluster {

void open_requests::arrived(const sip::message_view& request, const sip_in& message, const view& v,
                            instant now) {
  const bool invite = request.is("INVITE");
  const bool initial = message.may_create;
  if (request.is("ACK") || request.is("CANCEL") || (initial && !invite)) return;
  const auto via = request.top_via();
  if (!via || via->branch.empty() || kept_.size() >= requests_max) return;
  const auto [place, fresh] = kept_.try_emplace(std::string{via->branch});
  if (!fresh) return;
  auto& e = place->second;
  e.message = message;
  e.message.may_create = false;
  e.since = now;
  e.invite = invite;
  e.initial = initial;
  e.shard = message.to.shard;
  if (const auto* owned = v.shard(e.shard); owned != nullptr && !initial) e.owner = owned->owner;
}

void open_requests::answered(const sip::message_view& response, shard_id shard, const view& v) {
  const auto via = response.top_via();
  if (!via) return;
  const auto found = kept_.find(via->branch);
  if (found == kept_.end()) return;
  const auto cseq = response.cseq();
  if (!cseq || cseq->method == "CANCEL") return; // it has the branch of its INVITE
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

std::vector<sip_in> open_requests::orphaned(const view& v, instant now) {
  std::vector<sip_in> asked;
  for (auto it = kept_.begin(); it != kept_.end();) {
    auto& e = it->second;
    const auto* owned = v.shard(e.shard);
    const bool known = !e.owner.name.empty() && owned != nullptr;
    if (!known) {
      ++it;
    } else if (v.alive(e.owner)) {
      e.owner = owned->owner; // a shard that moves takes its sessions along
      ++it;
    } else if (!e.initial) {
      if (v.alive(owned->owner)) {
        asked.push_back(e.message);
        e.owner = owned->owner; // which may die as well
      }
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

void open_requests::expire(instant now) {
  if (now - swept_ < sweep_interval) return;
  swept_ = now;
  std::erase_if(kept_, [&](const auto& k) {
    return now - k.second.since >= (k.second.invite ? invite_kept_for : other_kept_for);
  });
}

} // namespace holdfast::cluster
