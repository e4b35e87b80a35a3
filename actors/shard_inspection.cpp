// A shard and its sessions as operators see them.
#include "actors/shard.hpp"
#include "protocol/sip/text.hpp"

#include <caf/all.hpp>

#include <algorithm>

namespace holdfast::actors {

std::string shard::label() const {
  return "shard " + std::to_string(start_.shard.value);
}

std::string shard::state_line() const {
  return "epoch " + std::to_string(start_.epoch.value) + ", " + std::to_string(sessions_.size())
         + " sessions, commit " + std::to_string(log_.last().value) + ", held "
         + std::to_string(log_.held().value) + ", lag " + std::to_string(log_.lag());
}

void shard::note_sip(slot& s, bool in, const endpoint& agent, std::string_view bytes) {
  cluster::sighting seen;
  if (!cluster::sketch_into(seen, bytes)) return;
  seen.at = now();
  seen.in = in;
  seen.step = in ? s.seen.inputs : s.seen.steps;
  seen.agent = agent;
  s.seen.sip.add(seen);
  if (!s.seen.trace) return;
  s.seen.trace->push_back({seen.at, in, std::string{bytes.substr(0, trace_bytes_max)}});
  if (s.seen.trace->size() > trace_max) s.seen.trace->pop_front();
}

cluster::session_row shard::row_of(session_id id, const slot& s) const {
  cluster::session_row row;
  row.where = {start_.shard, id};
  row.application = s.seen.application;
  row.call_ids = s.seen.about.call_ids;
  row.caller = s.seen.about.caller;
  row.callee = s.seen.about.callee;
  row.stable = s.stable;
  row.ending = s.ending;
  row.quarantined = s.quarantined;
  row.open = s.work;
  row.depth = static_cast<std::uint32_t>(s.unfinished.size());
  if (!s.unfinished.empty()) row.age = now() - s.waiting_since;
  row.messages = s.seen.inputs;
  row.restarts = s.restarts;
  row.alive = now() - s.seen.since;
  return row;
}

void shard::list_sessions(const cluster::inspect_query& query, cluster::picture& into) const {
  if (query.one_shard && query.shard != start_.shard) return;
  const auto wanted = sip::text::to_lower(query.text);
  const auto limit = std::min(query.limit, cluster::inspect_rows_max);
  for (const auto& [id, s] : sessions_) {
    auto row = row_of(id, s);
    if (!cluster::fits(row, wanted)) continue;
    ++into.sessions_fitting;
    into.sessions.push_back(std::move(row));
    if (into.sessions.size() >= 2 * limit + 64)
      cluster::keep_first(into.sessions, query.order, limit);
  }
  cluster::keep_first(into.sessions, query.order, limit);
}

bool shard::describe(const describe_yourself& question, cluster::picture& into) {
  const auto& query = *question.query;
  using what = cluster::inspect_what;
  if (query.what == what::actors) {
    into.actors.back().sessions = static_cast<std::uint32_t>(sessions_.size());
    into.actors.back().restarts = restarts_;
  } else if (query.what == what::sessions) {
    list_sessions(query, into);
  } else if (query.what == what::ladder) {
    for (const auto& address : query.sessions) {
      const auto s = sessions_.find(address.session);
      if (address.shard != start_.shard || s == sessions_.end()) continue;
      for (auto seen : s->second.seen.sip.all()) {
        seen.session = address;
        into.sightings.push_back(cluster::row_of(seen, {}, now()));
      }
    }
  }
  if (!query.one_session || query.session.shard != start_.shard) return true;
  const auto found = sessions_.find(query.session.session);
  if (found == sessions_.end()) return true;
  auto& s = found->second;
  if (query.what == what::trace) {
    if (query.on && !s.seen.trace)
      s.seen.trace = std::make_unique<std::deque<view_of_operators::text>>();
    if (!query.on) s.seen.trace.reset();
    into.sessions.push_back(row_of(found->first, s));
    into.sessions_fitting = 1;
    return true;
  }
  if (query.what != what::actor) return true;
  cluster::actor_detail detail;
  detail.is_session = true;
  detail.session = row_of(found->first, s);
  detail.traced = s.seen.trace != nullptr;
  if (s.seen.trace)
    for (const auto& t : *s.seen.trace) detail.texts.push_back({now() - t.at, t.in, t.bytes});
  auto known = std::make_shared<cluster::picture>();
  known->details.push_back(std::move(detail));
  auto passed_on = question;
  passed_on.known = std::move(known);
  send(s.actor, std::move(passed_on));
  return false;
}

} // namespace holdfast::actors
