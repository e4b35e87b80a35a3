// What the coordinator says (protocol/cluster/cluster_facts.hpp) as JSON.
#include "runtime/console/pictures.hpp"

namespace holdfast::runtime {

namespace json = boost::json;
using cluster::cluster_facts;

namespace {

// Of several coordinators one is active.
std::string_view state_of(const cluster::member_row& m) {
  if (m.suspected) return "suspected";
  const bool stands_by =
      m.serves == cluster::role::coordinator && m.state == cluster::member_state::joining;
  return stands_by ? "standby" : cluster::to_string(m.state);
}

} // namespace

json::array members_json(const cluster_facts& c) {
  json::array rows;
  for (const auto& m : c.members)
    rows.push_back({{"name", m.name},
                    {"role", cluster::to_string(m.serves)},
                    {"state", state_of(m)},
                    {"incarnation", m.incarnation.value},
                    {"pid", m.pid},
                    {"sessions", m.sessions},
                    {"shards", m.shards_owned},
                    {"replicas", m.replicas_held},
                    {"linked", m.linked}});
  return rows;
}

json::array shards_json(const cluster_facts& c) {
  json::array rows;
  for (const auto& s : c.shards) {
    json::array replicas;
    json::array in_sync;
    for (const auto& r : s.replicas) {
      replicas.push_back(json::string{to_string(r.node)});
      if (r.in_sync) in_sync.push_back(json::string{to_string(r.node)});
    }
    rows.push_back({{"shard", s.shard.value},
                    {"epoch", s.epoch.value},
                    {"owner", s.owner.name.empty() ? "" : to_string(s.owner)},
                    {"replicas", std::move(replicas)},
                    {"in_sync", std::move(in_sync)},
                    {"sessions", s.sessions},
                    {"lag", s.lag},
                    {"active", s.active},
                    {"unprotected", s.unprotected},
                    {"moving", s.moving},
                    {"audits", s.audits},
                    {"repairs", s.repairs}});
  }
  return rows;
}

json::array events_json(const cluster_facts& c, const wall_clock& clock) {
  json::array lines;
  for (const auto& e : c.events)
    lines.push_back({{"at_ms", clock.us(e.at) / 1000}, {"alarm", e.alarm}, {"what", e.text}});
  return lines;
}

json::object status_json(const cluster_facts& c, const wall_clock& clock) {
  std::uint64_t unprotected = 0;
  std::uint64_t inactive = 0;
  std::uint64_t sessions = 0;
  for (const auto& s : c.shards) {
    unprotected += s.unprotected ? 1 : 0;
    inactive += s.active ? 0 : 1;
    sessions += s.sessions;
  }
  json::object ledger{{"answers", c.ledger_error.empty()}};
  if (!c.ledger_error.empty()) {
    ledger["error"] = c.ledger_error;
    ledger["since_ms"] = clock.us(c.ledger_since) / 1000;
  }
  return {{"view", c.number.value},         {"ready", c.ready},
          {"coordinator", c.standing},      {"coordinates", c.coordinator},
          {"ledger", std::move(ledger)},    {"shards", c.shards.size()},
          {"inactive", inactive},           {"unprotected", unprotected},
          {"sessions", sessions},           {"sessions_lost", c.sessions_lost},
          {"events", events_json(c, clock)}};
}

json::array ring_json(const cluster_facts& c) {
  json::array rows;
  for (const auto& s : c.shards) {
    json::array replicas;
    json::array in_sync;
    for (const auto& r : s.replicas) {
      replicas.emplace_back(r.node.name);
      if (r.in_sync) in_sync.emplace_back(r.node.name);
    }
    rows.push_back({{"s", s.shard.value},
                    {"e", s.epoch.value},
                    {"o", s.owner.name},
                    {"r", std::move(replicas)},
                    {"i", std::move(in_sync)},
                    {"n", s.sessions},
                    {"l", s.lag},
                    {"a", s.active},
                    {"m", s.moving}});
  }
  return rows;
}

// The ring and the nodes as they were, in the shapes of the overview.
json::object past_json(const cluster::view_change& v, const wall_clock& clock) {
  const auto& ring = v.ring;
  const auto name_of = [&](std::uint16_t index) {
    return index < ring.names.size() ? ring.names[index] : std::string{};
  };
  json::array shards;
  for (std::size_t i = 0; i < ring.owners.size() && i < ring.copies.size(); ++i) {
    const auto owner = name_of(ring.owners[i]);
    const auto copy = name_of(ring.copies[i]);
    json::array copies;
    if (!copy.empty()) copies.emplace_back(copy);
    shards.push_back({{"s", i},
                      {"e", i < ring.epochs.size() ? ring.epochs[i] : 0},
                      {"o", owner},
                      {"r", copies},
                      {"i", copies},
                      {"n", 0},
                      {"l", 0},
                      {"a", !owner.empty()},
                      {"m", false}});
  }
  json::array members;
  for (std::size_t i = 0; i < ring.members.size() && i < ring.states.size(); ++i)
    members.push_back({{"name", ring.members[i]}, {"state", cluster::to_string(ring.states[i])}});
  auto out = to_json(v, clock);
  out["ring"] = std::move(shards);
  out["members"] = std::move(members);
  return out;
}

} // namespace holdfast::runtime
