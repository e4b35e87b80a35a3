#include "protocol/cluster/cluster_facts.hpp"

#include "protocol/cluster/candidacy.hpp"

#include <algorithm>
#include <optional>

namespace holdfast::cluster {

void rebase(cluster_facts& x, instant now) {
  const auto by = now - x.now;
  const auto move = [by](std::optional<instant>& at) {
    if (at) *at += by;
  };
  x.now = now;
  x.ledger_since += by;
  for (auto& e : x.events) e.at += by;
  for (auto& v : x.views) v.at += by;
  for (auto& f : x.failovers) {
    f.detected += by;
    f.decided += by;
    move(f.spawned);
    for (auto& s : f.shards) {
      move(s.activated);
      move(s.first_message);
    }
  }
}

cluster_facts facts_of(const view& v, const std::string& source, instant now) {
  cluster_facts facts;
  facts.now = now;
  facts.source = source;
  facts.number = v.number;
  facts.sessions_lost = v.sessions_lost;
  if (const auto* standing = coordinator_of(v)) facts.standing = standing->card.name;
  for (const auto& m : v.members) {
    auto& row = facts.members.emplace_back();
    row.name = m.card.name;
    row.serves = m.card.serves;
    row.state = m.state;
    row.incarnation = m.incarnation;
    row.pid = m.card.pid;
    for (const auto& s : v.shards) {
      row.shards_owned += s.owner == m.id() ? 1u : 0u;
      row.replicas_held += static_cast<std::uint32_t>(
          std::count_if(s.replicas.begin(), s.replicas.end(),
                        [&](const replica& r) { return r.node == m.id(); }));
    }
  }
  for (std::size_t i = 0; i < v.shards.size(); ++i) {
    const auto& s = v.shards[i];
    auto& row = facts.shards.emplace_back();
    row.shard = shard_id{static_cast<std::uint16_t>(i)};
    row.epoch = s.epoch;
    row.owner = s.owner;
    row.replicas = s.replicas;
    row.active = s.owned() && v.alive(s.owner);
    row.unprotected = !s.protected_by_replica();
  }
  facts.why_not_ready = "the coordinator is not reached from " + source;
  return facts;
}

std::string why_not_ready(const cluster_facts& x) {
  const bool containers = std::any_of(x.members.begin(), x.members.end(), [](const member_row& m) {
    return m.serves == role::container;
  });
  if (!containers) return "no container has joined";
  const auto count = [&](auto which) {
    return std::count_if(x.shards.begin(), x.shards.end(), which);
  };
  if (x.shards.empty() || count([](const shard_row& s) { return s.owner.name.empty(); }) > 0)
    return "the containers have joined, shards are being given out";
  if (const auto inactive = count([](const shard_row& s) { return !s.active; }); inactive > 0)
    return std::to_string(inactive) + " shards are not active yet";
  if (const auto bare = count([](const shard_row& s) { return s.unprotected; }); bare > 0)
    return std::to_string(bare) + " shards have no replica in sync";
  return "a role is missing or replicas are being filled";
}

} // namespace holdfast::cluster
