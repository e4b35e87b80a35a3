// Ownership: what the view gives to this container and takes from it.
#include "actors/container.hpp"
#include "actors/shard.hpp"
#include "protocol/core/buggify.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace holdfast::actors {

using cluster::frame_kind;

void container::on_view() {
  const auto* self_entry = current_view().find(options_.name);
  if (self_entry != nullptr && self_entry->card.boot == options_.boot)
    incarnation_ = self_entry->incarnation;
  for (std::uint16_t i = 0; i < current_view().shards.size(); ++i) {
    const shard_id id{i};
    const auto& entry = current_view().shards[i];
    if (owns(id)) {
      expect(id, entry);
      continue;
    }
    if (hosted_.contains(id)) give_up(id);
    const bool replica =
        std::any_of(entry.replicas.begin(), entry.replicas.end(),
                    [this](const cluster::replica& r) { return r.node == self(); });
    copies_.want(id, replica, now());
  }
  for (const auto& [key, q] : questions_) pose(q.question);
  answer_those_who_wait();
  for (auto& [message, from] : std::exchange(ahead_, {})) on_sip(std::move(message), from);
}

// The view names us owner. The spawn that carries it out is on its way; if none comes within the
// grace we start by ourselves (start_overdue).
void container::expect(shard_id id, const cluster::shard_entry& entry) {
  auto& h = hosted_[id];
  if (h.epoch == entry.epoch) {
    if (h.active) tell_replicas(h, entry.replicas);
    return;
  }
  if (h.actor) send_exit(h.actor, caf::exit_reason::user_shutdown);
  auto early = std::move(h.early);
  h = hosted{};
  h.epoch = entry.epoch;
  h.early = std::move(early);
  h.named_owner_at = now();
  h.took_over = entry.previous_fence != cluster::fence::none;
  const auto seen = releases_.find(id);
  h.released = seen != releases_.end() && seen->second == entry.epoch;
  if (entry.previous_fence != cluster::fence::lease || entry.previous_owner == self()) return;
  // Refuse the old owner first, then wait for its silence (fence b). One that lives only hands the
  // shard over: what it still commits is for us, until we begin.
  if (!predecessor_lives(entry)) copies_.refuse_below(id, entry.epoch);
  granter_.require_view(entry.previous_owner.name, current_view().number);
}

// Most views change nothing for a shard, and a stream that is opened again holds its output back.
void container::tell_replicas(hosted& h, const std::vector<cluster::replica>& next) {
  if (next == h.replicas) return;
  send(h.actor, shard_replicas{next});
  for (const auto& r : next) {
    const bool known =
        std::any_of(h.replicas.begin(), h.replicas.end(),
                    [&](const cluster::replica& before) { return before.node == r.node; });
    if (!known) send(h.actor, shard_peer{r.node.name, reachable().contains(r.node.name)});
  }
  h.replicas = next;
}

void container::on_offer(shard_offer& offer) {
  if (auto carried = decode<cluster::view>(offer.start.view);
      carried && carried->number > current_view().number) {
    auto next = std::make_shared<const cluster::view>(std::move(*carried));
    send(options_.hub, view_changed{next});
    adopt_view(std::move(next));
  }
  const auto found = hosted_.find(offer.start.shard);
  const bool wanted = found != hosted_.end() && owns(offer.start.shard)
                      && found->second.epoch == offer.start.epoch && !found->second.actor;
  if (!wanted) { // idempotent by (shard, epoch): the first one serves
    send(offer.shard, shard_give_up{});
    return;
  }
  found->second.actor = offer.shard;
  shard_actors_[offer.shard.address()] = offer.start.shard;
  monitor(offer.shard);
  activate_if_fenced(found->first, found->second);
}

bool container::predecessor_lives(const cluster::shard_entry& entry) const {
  return current_view().alive(entry.previous_owner)
         && reachable().contains(entry.previous_owner.name);
}

bool container::fence_passed(shard_id id, const hosted& h) const {
  const auto& entry = *entry_of(id);
  if (entry.previous_fence != cluster::fence::lease || entry.previous_owner == self() || h.released)
    return true;
  if (planted<"heir-does-not-wait-for-the-lease">()) return true;
  if (predecessor_lives(entry)) return now() - h.named_owner_at >= release_patience;
  // We acked nothing since the view named us, unless the old owner knew the view already.
  const auto last_possible_ack = h.named_owner_at + options_.settings.lease;
  if (buggify<"container: waits for the whole lease">()) return now() >= last_possible_ack;
  return now()
         >= std::min(last_possible_ack,
                     std::max(h.named_owner_at, granter_.silent_from(entry.previous_owner.name)));
}

void container::activate_if_fenced(shard_id id, hosted& h) {
  if (!owns(id) || !fence_passed(id, h)) return;
  const auto& entry = *entry_of(id);
  shard_activate with;
  with.environment = options_.environment;
  with.outside = options_.outside;
  with.records = copies_.promote(id, entry.epoch, now());
  // Nobody could be promoted: every full copy is dead, and the shard begins empty. A copy that was
  // half filled here must not come to life.
  if (entry.previous_fence == cluster::fence::none) with.records.clear();
  with.replicas = h.replicas = entry.replicas;
  with.reachable = reachable();
  with.resend_outbox = true;
  h.active = true;
  h.active_since = now();
  next_report_ = {}; // what is active again is news
  h.status = shard_status{
      id, entry.epoch, {static_cast<std::uint32_t>(with.records.size()), 0, 0}, {}, 0, 0, 0, 0, 0};
  send(h.actor, std::move(with));
  auto early = std::move(h.early);
  auto questions = std::move(h.early_questions);
  h.early.clear();
  h.early_questions.clear();
  for (auto& message : early) serve(std::move(message));
  for (auto& question : questions) on_ask(std::move(question));
  for (const auto& failure : std::exchange(h.early_failures, {})) on_failure(failure);
}

// The shard sends what it still has for its successor, then shard_gone; only then do we release it
// to the new owner, behind those commits on the same link.
void container::give_up(shard_id id) {
  auto& h = hosted_.at(id);
  directory_.forget(id);
  forget_keys_of(id);
  auto early = std::move(h.early);
  h.early.clear();
  if (h.actor) {
    send(h.actor, shard_give_up{entry_of(id)->owner.name});
  } else {
    hosted_.erase(id);
  }
  for (auto& message : early) on_sip(std::move(message), options_.name);
}

void container::on_gone(const shard_gone& gone) {
  const auto found = hosted_.find(gone.shard);
  if (found == hosted_.end() || found->second.epoch != gone.epoch) return;
  shard_actors_.erase(found->second.actor.address());
  hosted_.erase(found);
  const auto* entry = entry_of(gone.shard);
  if (entry != nullptr && !owns(gone.shard))
    send_frame(entry->owner.name, frame_kind::release,
               cluster::release{gone.shard, gone.epoch, entry->epoch});
}

void container::on_release(const std::string& peer, const cluster::release& r) {
  const auto next = r.next;
  releases_[r.shard] = next;
  const auto found = hosted_.find(r.shard);
  if (found == hosted_.end() || found->second.epoch != next) return;
  const auto* entry = entry_of(r.shard);
  if (entry == nullptr || entry->previous_owner.name != peer) return;
  found->second.released = true;
  if (!found->second.active && found->second.actor) activate_if_fenced(r.shard, found->second);
}

// A shard has no state that could be trusted after an exception of its own code: what is committed
// is held elsewhere, so this node ends and lets failover work.
void container::on_shard_down(const caf::down_msg& down) {
  const auto who = shard_actors_.find(down.source);
  if (who == shard_actors_.end()) return;
  const auto id = who->second;
  shard_actors_.erase(who);
  const auto h = hosted_.find(id);
  if (h == hosted_.end() || h->second.actor.address() != down.source) return;
  if (down.reason == caf::exit_reason::user_shutdown || !down.reason) {
    hosted_.erase(h);
    return;
  }
  options_.outside->fail_stop("shard " + std::to_string(id.value) + " ended by "
                              + home_system().render(down.reason));
}

void container::start_overdue() {
  for (auto& [id, h] : hosted_) {
    const auto since = std::max(h.named_owner_at, h.started_at);
    const bool at_once = buggify<"container: does not wait to be spawned">();
    if (h.actor || (!at_once && now() - since < options_.settings.activation_grace)) continue;
    cluster::shard_start start{id, h.epoch, {}, {}};
    h.started_at = now();
    spawn<shard>(frame{frame::current_version, 0, encode(start)});
  }
}

void container::report() {
  if (buggify<"container: a report is left out">()) return;
  cluster::container_report r;
  r.view = current_view().number;
  r.replicas = static_cast<std::uint32_t>(copies_.records());
  for (const auto& [id, h] : hosted_) {
    if (!h.active) continue;
    std::optional<duration> served_for;
    if (h.served_at) served_for = now() - *h.served_at;
    r.shards.push_back({id, h.epoch, h.status.load.sessions, h.status.synced, h.status.lag,
                        now() - h.active_since, served_for, h.status.audits, h.status.repairs});
    r.sessions += h.status.load.sessions;
    r.work += h.status.load.work;
  }
  for (const auto& m : current_view().members)
    if (m.card.serves == cluster::role::coordinator)
      send_frame(m.card.name, frame_kind::container_report, r);
}

} // namespace holdfast::actors
