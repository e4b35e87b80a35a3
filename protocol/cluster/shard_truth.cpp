#include "protocol/cluster/shard_truth.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace holdfast::cluster {

namespace {

bool same_shape(const shard_entry& a, const shard_entry& b) {
  return a.epoch == b.epoch && a.owner == b.owner
         && std::equal(a.replicas.begin(), a.replicas.end(), b.replicas.begin(), b.replicas.end(),
                       [](const replica& x, const replica& y) { return x.node == y.node; });
}

} // namespace

void shard_truth::on_report(const node_id& from, container_report report) {
  auto& active_here = activities_[from];
  active_here.clear();
  for (const auto& s : report.shards) {
    active_here.insert_or_assign(s.shard, s);
    auto& known = sessions_[s.shard];
    if (s.epoch >= known.of) known = {s.epoch, s.sessions};
  }
  reports_.insert_or_assign(from, std::move(report));
}

void shard_truth::on_view(const view& before, const view& after, instant now) {
  for (std::size_t i = 0; i < after.shards.size(); ++i) {
    auto& standing = orders_[id_of(i)];
    const auto* was = i < before.shards.size() ? &before.shards[i] : nullptr;
    if (was != nullptr && same_shape(*was, after.shards[i])) continue;
    standing.shape = after.number;
    if (was != nullptr && was->epoch == after.shards[i].epoch) continue;
    standing.given = now;
    standing.repeated.reset();
    standing.failed = false;
    if (after.shards[i].previous_fence == fence::none) // it starts empty
      sessions_[id_of(i)] = {after.shards[i].epoch, 0};
  }
}

void shard_truth::on_start(const view& loaded, instant now) {
  orders_.clear();
  for (std::size_t i = 0; i < loaded.shards.size(); ++i)
    orders_[id_of(i)] = order{now, std::nullopt, false, loaded.number};
}

void shard_truth::forget(const node_id& who) {
  reports_.erase(who);
  activities_.erase(who);
}

void shard_truth::spawn_failed(shard_id shard) {
  const auto found = orders_.find(shard);
  if (found != orders_.end()) found->second.failed = true;
}

const shard_activity* shard_truth::activity(const view& v, shard_id shard) const {
  const auto* entry = v.shard(shard);
  if (entry == nullptr || !v.alive(entry->owner)) return nullptr;
  const auto node = activities_.find(entry->owner);
  if (node == activities_.end()) return nullptr;
  const auto found = node->second.find(shard);
  if (found == node->second.end() || found->second.epoch != entry->epoch) return nullptr;
  return &found->second;
}

std::vector<std::pair<shard_id, node_id>> shard_truth::synced(const view& v) const {
  std::vector<std::pair<shard_id, node_id>> found;
  for (std::size_t i = 0; i < v.shards.size(); ++i) {
    const auto id = id_of(i);
    const auto* said = activity(v, id);
    if (said == nullptr || said->synced.empty()) continue;
    // What the owner said before it knew of this set of replicas may be about an earlier filling.
    const auto standing = orders_.find(id);
    if (standing == orders_.end() || reports_.at(v.shards[i].owner).view < standing->second.shape)
      continue;
    for (const auto& r : v.shards[i].replicas) {
      const bool holds =
          std::find(said->synced.begin(), said->synced.end(), r.node) != said->synced.end();
      if (!r.in_sync && holds) found.emplace_back(id, r.node);
    }
  }
  return found;
}

std::map<node_id, std::vector<control::shard_order>>
shard_truth::overdue(const view& v, duration grace, instant now) {
  std::map<node_id, std::vector<control::shard_order>> found;
  for (std::size_t i = 0; i < v.shards.size(); ++i) {
    const auto id = id_of(i);
    const auto& entry = v.shards[i];
    if (!v.alive(entry.owner) || active(v, id)) continue;
    auto& standing = orders_[id];
    if (!standing.failed && now - standing.given <= grace) continue;
    if (standing.repeated && now - *standing.repeated < respawn_interval) continue;
    standing.repeated = now;
    standing.failed = false;
    found[entry.owner].push_back({id, entry.epoch});
  }
  return found;
}

bool shard_truth::active(const view& v, shard_id shard) const {
  return activity(v, shard) != nullptr;
}

std::uint32_t shard_truth::sessions(shard_id shard) const {
  const auto found = sessions_.find(shard);
  return found == sessions_.end() ? 0 : found->second.sessions;
}

std::uint32_t shard_truth::lag(const view& v, shard_id shard) const {
  const auto* said = activity(v, shard);
  return said == nullptr ? 0 : said->lag;
}

const container_report* shard_truth::report_of(const node_id& who) const {
  const auto found = reports_.find(who);
  return found == reports_.end() ? nullptr : &found->second;
}

} // namespace holdfast::cluster
