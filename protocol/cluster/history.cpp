#include "protocol/cluster/history.hpp"

#include <algorithm>

namespace holdfast::cluster {

namespace {

constexpr std::size_t signs_max = 1'000;

view_change difference(const view& before, const view& after, instant at) {
  view_change change;
  change.at = at;
  change.number = after.number;
  for (const auto& m : after.members) {
    const auto* old = before.find(m.id());
    const auto name = to_string(m.id());
    if (old == nullptr && m.alive())
      change.joined.push_back(name);
    else if (old != nullptr && old->alive() && !m.alive())
      change.ended.push_back(name);
    else if (old != nullptr && old->state != m.state)
      change.states.push_back(name + " " + std::string{to_string(m.state)});
  }
  for (const auto& m : before.members)
    if (m.alive() && after.find(m.id()) == nullptr) change.ended.push_back(to_string(m.id()));
  for (std::size_t i = 0; i < after.shards.size(); ++i) {
    const auto& now = after.shards[i];
    const bool known = i < before.shards.size();
    if (!known || before.shards[i].owner != now.owner) ++change.owners_changed;
    if (!known || before.shards[i].replicas != now.replicas) ++change.replicas_changed;
  }
  return change;
}

std::uint16_t index_of(std::vector<std::string>& names, const std::string& name) {
  if (name.empty()) return ring_picture::none;
  const auto known = std::find(names.begin(), names.end(), name);
  if (known != names.end()) return static_cast<std::uint16_t>(known - names.begin());
  names.push_back(name);
  return static_cast<std::uint16_t>(names.size() - 1);
}

ring_picture ring_of(const view& v) {
  ring_picture ring;
  for (const auto& s : v.shards) {
    ring.owners.push_back(index_of(ring.names, s.owner.name));
    ring.copies.push_back(s.replicas.empty() ? ring_picture::none
                                             : index_of(ring.names, s.replicas.front().node.name));
    ring.epochs.push_back(s.epoch.value);
  }
  for (const auto& m : v.members) {
    ring.members.push_back(m.card.name);
    ring.states.push_back(m.state);
  }
  return ring;
}

} // namespace

std::uint32_t failover::sessions() const {
  std::uint32_t sum = 0;
  for (const auto& s : shards) sum += s.sessions;
  return sum;
}

std::optional<instant> failover::activated() const {
  std::optional<instant> last;
  for (const auto& s : shards) {
    if (!s.activated) return std::nullopt;
    last = std::max(last.value_or(*s.activated), *s.activated);
  }
  return last;
}

std::optional<instant> failover::first_message() const {
  std::optional<instant> first;
  for (const auto& s : shards)
    if (s.first_message) first = std::min(first.value_or(*s.first_message), *s.first_message);
  return first;
}

void history::on_sign(const std::string& node, std::string what, instant at) {
  if (signs_.size() >= signs_max && !signs_.contains(node)) return;
  auto& known = signs_[node];
  if (known.what.empty() || at - known.last > sign_memory) known = {std::move(what), at, at};
  known.last = at;
}

void history::on_view(const view& before, const view& now_valid, instant at) {
  views_.push_back(difference(before, now_valid, at));
  views_.back().ring = ring_of(now_valid);
  if (views_.size() > views_max) views_.pop_front();
  note_failovers(before, now_valid, at);
}

// A shard whose owner is dead in the new view, or has been replaced by a new incarnation, failed
// over; one whose owner lives was moved.
void history::note_failovers(const view& before, const view& now_valid, instant at) {
  std::map<node_id, failover> by_node;
  for (std::uint16_t i = 0; i < now_valid.shards.size() && i < before.shards.size(); ++i) {
    const auto& old = before.shards[i];
    const auto& now = now_valid.shards[i];
    if (!old.owned() || !now.owned() || old.owner == now.owner || now_valid.alive(old.owner))
      continue;
    const auto held = i < sessions_.size() ? sessions_[i] : 0;
    by_node[old.owner].shards.push_back({shard_id{i}, now.epoch, now.owner, held, {}, {}});
  }
  for (auto& [node, f] : by_node) {
    f.id = ++next_id_;
    f.node = node;
    f.decided = at;
    f.detected = at;
    f.view = now_valid.number;
    const auto seen = signs_.find(node.name);
    if (seen != signs_.end() && at - seen->second.last <= sign_memory) {
      f.cause = seen->second.what;
      f.detected = seen->second.first;
    }
    if (seen != signs_.end()) signs_.erase(seen);
    failovers_.push_back(std::move(f));
    if (failovers_.size() > failovers_max) failovers_.pop_front();
  }
}

const view_change* history::view_at(view_number number) const {
  const auto found = std::find_if(views_.begin(), views_.end(),
                                  [&](const view_change& v) { return v.number == number; });
  return found == views_.end() ? nullptr : &*found;
}

void history::on_spawned(const std::string& on, instant at) {
  for (auto& f : failovers_)
    if (!f.spawned && std::any_of(f.shards.begin(), f.shards.end(), [&](const auto& s) {
          return s.to.name == on && !s.activated;
        }))
      f.spawned = at;
}

void history::on_report(const node_id& from, const container_report& report, instant at) {
  for (const auto& s : report.shards) {
    if (s.shard.value >= sessions_.size()) sessions_.resize(s.shard.value + std::size_t{1});
    sessions_[s.shard.value] = s.sessions;
  }
  for (auto& f : failovers_) {
    for (auto& s : f.shards) {
      if (s.to != from || (s.activated && s.first_message)) continue;
      const auto active =
          std::find_if(report.shards.begin(), report.shards.end(), [&](const shard_activity& a) {
            return a.shard == s.shard && a.epoch == s.epoch;
          });
      if (active == report.shards.end()) continue;
      if (!s.activated) s.activated = at - active->active_for;
      if (active->served_for) s.first_message = at - *active->served_for;
    }
  }
}

} // namespace holdfast::cluster
