// What operators ask for and what they are shown.
#include "protocol/cluster/coordinator.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

void coordinator::handle(const control::operator_command& e) {
  if (!stands())
    return answer(e.id, false,
                  standing().name.empty() ? "no coordinator stands"
                                          : standing().name + " coordinates: ask there");
  const auto* m = record_.now_valid.find(e.node);
  if (!loaded_ || m == nullptr || !m->alive()) {
    answer(e.id, false, "there is no node " + e.node + " in the cluster");
    return;
  }
  if (e.verb == control::operator_verb::kill) {
    if (!m->card.supervised) return answer(e.id, false, "no launcher supervises " + e.node);
    begin_fencing(*m, "an operator killed it", true);
    return answer(e.id, true, "killing " + to_string(m->id()));
  }
  if (m->card.serves != role::container)
    return answer(e.id, false, e.node + " is no container: it owns no shards");
  if (e.verb == control::operator_verb::move) {
    const auto begun =
        shards_.request_move(record_.now_valid, record_.cluster_settings, e.shard, m->id());
    return begun ? answer(e.id, true,
                          "moving shard " + std::to_string(e.shard.value) + " to " + e.node)
                 : answer(e.id, false, begun.error().what);
  }
  const bool drain = e.verb == control::operator_verb::drain;
  const auto wish = drain_wishes_.find(m->id()); // ordered, and not yet written
  if (drain == (wish == drain_wishes_.end() ? m->state == member_state::draining : wish->second))
    return answer(e.id, true, e.node + (drain ? " drains already" : " does not drain"));
  if (drain && m->state != member_state::active)
    return answer(e.id, false, e.node + " is " + std::string{to_string(m->state)});
  drain_wishes_[m->id()] = drain;
  answer(e.id, true, (drain ? "draining " : "no longer draining ") + e.node);
}

// For the operator: a drain is over when there is nothing left to lose.
void coordinator::note_drained() {
  const auto& v = record_.now_valid;
  const auto drains = [&](const node_id& who) {
    const auto* m = v.find(who);
    return m != nullptr && m->state == member_state::draining;
  };
  std::erase_if(drains_, [&](const auto& item) { return !drains(item.first); });
  for (const auto& m : v.members)
    if (m.state == member_state::draining) drains_.try_emplace(m.id(), draining{now_});
  for (auto& [who, d] : drains_) {
    if (d.done) continue;
    const auto load = load_table::of(v.shards);
    if (load.owned_by(who) + load.held_by(who) > 0) continue;
    d.done = true;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - d.since);
    say(false, to_string(who) + " is drained: it owns no shard and holds no copy, after "
                   + std::to_string(took.count()) + " ms");
  }
}

void coordinator::answer(std::uint64_t id, bool accepted, std::string text) {
  out_.push_back(control::operator_answer{id, accepted, std::move(text)});
}

std::vector<member_row> coordinator::members() const {
  std::vector<member_row> rows;
  const auto load = load_table::of(record_.now_valid.shards);
  for (const auto& m : record_.now_valid.members) {
    const auto id = m.id();
    member_row row;
    row.name = m.card.name;
    row.serves = m.card.serves;
    row.state = m.state;
    row.incarnation = m.incarnation;
    row.pid = m.card.pid;
    row.linked = linked(m.card.name);
    row.suspected = suspicions_.ours(id) || fencing_.contains(id) || candidacy_.suspects(id);
    row.shards_owned = load.owned_by(id);
    row.replicas_held = load.held_by(id);
    if (const auto* report = truth_.report_of(id)) {
      row.sessions = report->sessions;
      row.work = report->work;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<shard_row> coordinator::shards() const {
  const auto& v = record_.now_valid;
  std::vector<shard_row> rows;
  for (std::size_t i = 0; i < v.shards.size(); ++i) {
    const shard_id id{static_cast<std::uint16_t>(i)};
    const auto& entry = v.shards[i];
    const bool is_protected =
        std::any_of(entry.replicas.begin(), entry.replicas.end(),
                    [&](const replica& r) { return r.in_sync && v.alive(r.node); });
    const auto* said = truth_.activity(v, id);
    rows.push_back({id, entry.epoch, entry.owner, entry.replicas, truth_.sessions(id),
                    truth_.lag(v, id), said != nullptr, !is_protected, shards_.moving(id),
                    said == nullptr ? 0 : said->audits, said == nullptr ? 0 : said->repairs});
  }
  return rows;
}

bool coordinator::ready() const {
  const auto& v = record_.now_valid;
  if (!loaded_ || !dead_.empty() || v.number.value == 0 || v.shards.empty()) return false;
  const auto& s = record_.cluster_settings;
  std::map<std::size_t, std::size_t> takers; // by domain
  for (const auto& m : v.members)
    if (m.card.serves == role::container && m.state == member_state::active)
      ++takers[domain_of(s, m.card.name).value_or(0)];
  for (std::size_t i = 0; i < v.shards.size(); ++i) {
    const auto& entry = v.shards[i];
    const auto there = takers[domain_of(s, shard_id{static_cast<std::uint16_t>(i)})];
    const auto wanted = std::min<std::size_t>(s.replicas, std::max<std::size_t>(there, 1) - 1);
    if (!truth_.active(v, shard_id{static_cast<std::uint16_t>(i)})) return false;
    const auto in_sync = static_cast<std::size_t>(
        std::count_if(entry.replicas.begin(), entry.replicas.end(),
                      [&](const replica& r) { return r.in_sync && v.alive(r.node); }));
    if (in_sync < wanted) return false;
  }
  return true;
}

} // namespace holdfast::cluster
