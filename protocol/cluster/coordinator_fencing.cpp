// Whom to stop, and whom to leave alone (design, "Failure": a wrong suspicion must be harmless).
#include "protocol/cluster/coordinator.hpp"
#include "protocol/core/buggify.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

void coordinator::handle(const control::peer_suspicion& e) {
  if (e.of.name == self_) return;
  const auto* subject = record_.now_valid.find(e.of.name);
  if (subject != nullptr && subject->card.serves == role::coordinator) {
    if (e.observer.empty()) candidacy_.on_suspicion(e.of, e.suspected, now_);
    return;
  }
  suspicions_.heard_from(e.observer, e.of, e.suspected, now_);
  if (e.suspected || !e.observer.empty()) return;
  // Trusted again before its death was confirmed: just fine.
  spared_.erase(e.of);
  const auto found = fencing_.find(e.of);
  if (found != fencing_.end() && !found->second.wanted && !absent_.contains(e.of))
    fencing_.erase(found);
}

void coordinator::handle(const control::process_ended& e) {
  ended_.insert_or_assign(e.name, std::pair{e.pid, now_});
  candidacy_.on_end(e.name, e.pid, now_);
  const auto asked = joins_.find(e.name);
  if (asked != joins_.end() && asked->second.card.pid == e.pid) joins_.erase(asked);
}

void coordinator::handle(const control::kill_impossible& e) {
  const auto* m = record_.now_valid.find(e.name);
  if (m == nullptr || m->card.pid != e.pid) return;
  const auto found = fencing_.find(m->id());
  if (found != fencing_.end()) found->second.by_lease = true;
}

// A process may end before we know that it was a member.
void coordinator::look_for_dead() {
  std::erase_if(ended_,
                [&](const auto& item) { return now_ - item.second.second >= dead_pid_memory; });
  for (const auto& [name, end] : ended_) {
    const auto* m = record_.now_valid.find(name);
    if (m == nullptr || !m->alive() || m->card.pid != end.first || dead_.contains(m->id()))
      continue;
    const auto fenced = fencing_.find(m->id());
    certain_death(m->id(), fenced == fencing_.end() ? "its process ended"
                                                    : fenced->second.why + ", its process is gone");
  }
}

void coordinator::certain_death(const node_id& who, std::string why) {
  const auto fenced = fencing_.find(who);
  const auto since = fenced == fencing_.end() ? now_ : fenced->second.since;
  dead_.emplace(who, cause{std::move(why), since});
  last_death_ = now_;
  fencing_.erase(who);
  absent_.erase(who);
  spared_.erase(who);
  suspicions_.forget(who);
}

void coordinator::look_for_suspects() {
  // What waited in our mailbox while we slept is judged after the tick that notices it.
  const auto late = record_.cluster_settings.heartbeat_interval * late_tick_intervals;
  if (!loaded_ || !ticked_ || now_ - last_tick_ > late) return;
  if (note_isolation()) return;
  for (const auto& who : suspicions_.suspects()) {
    const auto* m = record_.now_valid.find(who);
    if (m == nullptr || !m->alive() || m->card.serves == role::coordinator) continue;
    if (suspicions_.stands(who, record_.now_valid, now_))
      fence_if_allowed(*m, "its heartbeats stopped");
  }
}

// What was suspected so far does not count: everybody is heard anew.
void coordinator::give_a_full_window() {
  const auto& s = record_.cluster_settings;
  suspicions_.restart(now_, now_ + s.heartbeat_interval * static_cast<int>(s.heartbeat_misses));
}

// Who hears nobody at all is cut off itself, and knows nothing of the others. Afterwards everybody
// gets a full window again.
bool coordinator::note_isolation() {
  const auto silent = [&](const member& m) {
    return m.card.serves == role::coordinator ? candidacy_.suspects(m.id())
                                              : suspicions_.ours(m.id());
  };
  bool anybody = false, heard = false;
  for (const auto& m : record_.now_valid.members) {
    if (!m.alive() || m.card.name == self_) continue;
    anybody = true;
    heard = heard || !silent(m);
  }
  const bool now_isolated = anybody && !heard;
  if (now_isolated == isolated_) return isolated_;
  isolated_ = now_isolated;
  sometimes<"coordinator: hears nobody">(isolated_);
  if (isolated_) {
    say(true, "the coordinator hears nobody: it takes that for its own fault, and fences nobody");
    return true;
  }
  give_a_full_window();
  say(false, "the coordinator hears others again");
  return false;
}

void coordinator::look_for_absent() {
  for (const auto& who : absent_) {
    const auto* m = record_.now_valid.find(who);
    if (m == nullptr || !m->alive() || m->card.serves == role::coordinator) continue;
    const auto patience = m->card.supervised ? supervised_rejoin : unsupervised_rejoin;
    if (now_ - watching_since_ >= patience) fence_if_allowed(*m, "it did not come back");
  }
}

void coordinator::fence_if_allowed(const member& who, const std::string& why) {
  const auto id = who.id();
  if (fencing_.contains(id) || dead_.contains(id)) return;
  sometimes<"coordinator: a suspect is spared">(!may_fence(who));
  if (may_fence(who)) {
    begin_fencing(who, why, false);
  } else if (spared_.insert(id).second) {
    say(true, to_string(id) + " is suspected (" + why + ") and left alone: it holds the only copy "
                  + "of some shard, or too many are suspected at once");
  }
}

void coordinator::begin_fencing(const member& who, std::string why, bool wanted) {
  spared_.erase(who.id());
  fencing_.insert_or_assign(who.id(),
                            fencing{std::move(why), now_, now_, !who.card.supervised, wanted});
  if (who.card.supervised) out_.push_back(control::kill{who.card.name, who.card.pid});
}

void coordinator::pursue_fencing() {
  for (auto& [who, f] : fencing_) {
    const auto* m = record_.now_valid.find(who);
    if (m == nullptr || f.by_lease) continue;
    if (now_ - f.since >= kill_patience || buggify<"coordinator: does not wait for a kill">()) {
      sometimes<"coordinator: a lease fences a supervised node">();
      f.by_lease = true;
      say(true, "nobody confirms the death of " + to_string(who) + "; its lease fences it");
    } else if (now_ - f.killed >= kill_retry || buggify<"coordinator: kills again">()) {
      f.killed = now_;
      out_.push_back(control::kill{who.name, m->card.pid});
    }
  }
}

// The detector never fences the holder of the only in_sync copy, nor more suspects of a domain at
// once than there are replicas.
bool coordinator::may_fence(const member& who) const {
  if (who.card.serves != role::container) return true;
  const auto& v = record_.now_valid;
  const auto& s = record_.cluster_settings;
  std::size_t others = 0;
  for (const auto& [id, f] : fencing_) {
    const auto* m = v.find(id);
    if (id != who.id() && m != nullptr && m->card.serves == role::container
        && domain_of(s, id.name) == domain_of(s, who.card.name))
      ++others;
  }
  if (planted<"sole-copies-are-fenced">()) return true;
  if (others >= std::max<std::size_t>(s.replicas, 1)) return false;
  const auto stays = [&](const node_id& id) {
    return id != who.id() && v.alive(id) && !fencing_.contains(id) && !dead_.contains(id);
  };
  return std::all_of(v.shards.begin(), v.shards.end(), [&](const shard_entry& e) {
    const auto holds = [&](const replica& r) { return r.in_sync && r.node == who.id(); };
    const bool has_copy =
        e.owner == who.id() || std::any_of(e.replicas.begin(), e.replicas.end(), holds);
    const bool another =
        (e.owned() && stays(e.owner))
        || std::any_of(e.replicas.begin(), e.replicas.end(),
                       [&](const replica& r) { return r.in_sync && stays(r.node); });
    return !has_copy || another;
  });
}

} // namespace holdfast::cluster
