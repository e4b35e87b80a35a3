#include "protocol/cluster/open_requests.hpp"

#include <utility>

namespace holdfast::cluster {

void open_requests::arrived(const sip::message_view& request, const sip_in& message, const view& v,
                            instant now) {
  const bool invite = request.is("INVITE");
  const bool initial = message.may_create;
  if (request.is("ACK") || request.is("CANCEL")) return;
  if (initial && !invite && !message.source.reliable()) return;
  const auto via = request.top_via();
  if (!via || via->branch.empty() || kept_.size() >= requests_max) return;
  const auto [place, fresh] = kept_.try_emplace(std::string{via->branch});
  if (!fresh) return;
  auto& e = place->second;
  e.message = message;
  e.message.may_create = initial && !invite;
  e.since = now;
  e.patient = initial && invite;
  e.shard = message.to.shard;
  if (const auto* owned = v.shard(e.shard); owned != nullptr && !initial) e.owner = owned->owner;
}

// None for what nobody waits for, and for the response to a CANCEL, which has the branch of its
// INVITE.
open_requests::entry* open_requests::entry_of(const sip::message_view& response) {
  const auto via = response.top_via();
  const auto found = via ? kept_.find(via->branch) : kept_.end();
  if (found == kept_.end()) return nullptr;
  const auto cseq = response.cseq();
  return cseq && cseq->method != "CANCEL" ? &found->second : nullptr;
}

void open_requests::answered(const sip::message_view& response, shard_id shard, const view& v) {
  auto* e = entry_of(response);
  if (e == nullptr) return;
  if (response.status() >= 200) {
    kept_.erase(kept_.find(response.top_via()->branch));
    return;
  }
  const auto* owned = v.shard(shard);
  if (owned == nullptr) return;
  e->rings = response.cseq()->method == "INVITE";
  e->shard = shard;
  e->owner = owned->owner;
  e->orphaned_at.reset();
}

void open_requests::unheard(const sip::message_view& response, shard_id shard, epoch of) {
  auto* e = entry_of(response);
  if (e == nullptr || response.status() < 200) return;
  e->shard = shard;
  e->unheard_of = of;
}

bool open_requests::is_due(entry& e, const shard_entry& owned, const view& v, instant now) {
  if (!v.alive(owned.owner)) return false;
  if (e.unheard_of) return owned.epoch > *e.unheard_of;
  if (e.owner.name.empty() || v.alive(e.owner)) return false;
  if (!e.patient) return true;
  e.orphaned_at = e.orphaned_at.value_or(now);
  return now - *e.orphaned_at >= patience;
}

std::vector<sip_in> open_requests::orphaned(const view& v, instant now) {
  std::vector<sip_in> asked;
  for (auto& [branch, e] : kept_) {
    const auto* owned = v.shard(e.shard);
    if (owned == nullptr) continue;
    const bool due = is_due(e, *owned, v, now);
    // A shard that moves takes its sessions along; and who is asked now may die as well.
    if (due || (!e.owner.name.empty() && v.alive(e.owner))) e.owner = owned->owner;
    if (!due) continue;
    e.unheard_of.reset();
    e.orphaned_at.reset();
    asked.push_back(e.message);
  }
  return asked;
}

void open_requests::expire(instant now) {
  if (now - swept_ < sweep_interval) return;
  swept_ = now;
  std::erase_if(kept_, [&](const auto& k) {
    return now - k.second.since >= (k.second.rings ? invite_kept_for : other_kept_for);
  });
}

} // namespace holdfast::cluster
