// A shard and its sessions as operators see them.
#include "actors/shard.hpp"
#include "protocol/sip/text.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <variant>

namespace holdfast::actors {

namespace {

// By index of session::event.
constexpr std::array<std::string_view, std::variant_size_v<session::event>> input_names{
    "received", "deadline", "send_failed", "asked", "answered", "resumed"};

std::string_view input_name(std::size_t index) {
  return index < input_names.size() ? input_names[index] : "other";
}

std::int32_t us_of(duration d) {
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(d.count(), -1, std::numeric_limits<std::int32_t>::max()));
}

} // namespace

std::string shard::label() const {
  return "shard " + std::to_string(start_.shard.value);
}

std::string shard::state_line() const {
  return "epoch " + std::to_string(start_.epoch.value) + ", " + std::to_string(sessions_.size())
         + " sessions, commit " + std::to_string(log_.last().value) + ", held "
         + std::to_string(log_.held().value) + ", lag " + std::to_string(log_.lag());
}

void shard::note_sip(slot& s, bool in, const endpoint& agent, std::string_view bytes, instant at) {
  if (!observing()) return;
  cluster::sighting seen;
  if (!cluster::sketch_into(seen, bytes)) return;
  seen.at = at;
  seen.in = in;
  seen.step = in ? s.seen.inputs : s.seen.steps;
  seen.agent = agent;
  s.seen.sip.add(seen);
  if (!s.seen.trace) return;
  s.seen.trace->push_back({seen.at, in, std::string{bytes.substr(0, trace_bytes_max)}});
  if (s.seen.trace->size() > trace_max) s.seen.trace->pop_front();
}

void shard::note_step(slot& s, const session_input& input, const session_step& step) {
  s.seen.steps = input.number;
  if (!observing()) return;
  s.seen.recent.add({input.number, static_cast<std::uint8_t>(input.what.index()), input.delivered,
                     us_of(step.began - input.delivered), us_of(step.took)});
}

// The session has ended by an exception: its shard was told so, and knows its last messages.
void shard::note_death(session_id id, const slot& s, const caf::error& reason) const {
  if (const auto to = my_inspector(); to && is_failure(reason))
    caf::anon_send(to, actor_died{{actor_row_of(s),
                                   {},
                                   home_system().render(reason),
                                   messages_of(s),
                                   {start_.shard, id}}});
}

// A session as an actor, whether it has one at the moment or not.
cluster::actor_row shard::actor_row_of(const slot& s) const {
  cluster::actor_row row;
  row.id = s.actor ? s.actor.id() : 0;
  row.kind = "session";
  row.parent = this->id();
  row.state = (s.seen.application.empty() ? std::string{"new"} : s.seen.application)
              + (s.stable ? ", stable, " : ", ");
  if (s.actor)
    row.state += std::to_string(s.seen.dialogs) + " dialogs, " + std::to_string(s.transactions)
                 + " open transactions";
  else
    row.state += "at rest";
  row.depth = static_cast<std::uint32_t>(s.unfinished.size());
  if (row.depth > 0) row.age = now() - s.waiting_since;
  row.messages = s.seen.inputs;
  row.busy = s.seen.recent.busy();
  row.waited_max = s.seen.recent.waited_max();
  row.processed_max = s.seen.recent.processed_max();
  row.restarts = s.restarts;
  row.alive = now() - s.seen.since;
  return row;
}

// What it did last, and what it has not come back from or not begun.
std::vector<cluster::message_row> shard::messages_of(const slot& s) const {
  std::vector<cluster::message_row> rows;
  for (const auto& last : s.seen.recent.all())
    rows.push_back({last.number,
                    now() - last.at,
                    std::string{input_name(last.kind)},
                    {},
                    last.waited_us,
                    last.processed_us});
  for (const auto& open : s.unfinished) {
    if (rows.size() >= 2 * cluster::step_ring::kept) break;
    rows.push_back({open.number,
                    now() - open.delivered,
                    std::string{input_name(open.what.index())},
                    {},
                    -1,
                    -1});
  }
  return rows;
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
  row.rests = !s.actor;
  row.open = s.work;
  row.depth = static_cast<std::uint32_t>(s.unfinished.size());
  if (!s.unfinished.empty()) row.age = now() - s.waiting_since;
  row.messages = s.seen.inputs;
  row.restarts = s.restarts;
  row.alive = now() - s.seen.since;
  row.dialogs = s.seen.dialogs;
  row.ended = s.ending
              || (!s.stable && s.seen.dialogs == 0 && s.transactions == 0 && row.depth == 0
                  && s.seen.steps > 0);
  return row;
}

// There may be very many: rows are made of those only that are shown.
void shard::list_sessions(const cluster::inspect_query& query, cluster::picture& into) {
  if (query.one_shard && query.shard != start_.shard) return;
  const auto wanted = sip::text::to_lower(query.text);
  using row_place = std::pair<std::int64_t, session_id>; // smaller comes first
  std::vector<row_place> fitting;
  for (auto& [id, s] : sessions_) {
    if (!wanted.empty()) {
      get_acquainted(id, s);
      if (!cluster::fits(row_of(id, s), wanted)) continue;
    }
    fitting.emplace_back(rank_of(s, query.order), id);
  }
  into.sessions_fitting += fitting.size();
  const auto shown =
      std::min<std::size_t>({fitting.size(), query.limit, cluster::inspect_rows_max});
  const auto end = fitting.begin() + static_cast<std::ptrdiff_t>(shown);
  std::partial_sort(fitting.begin(), end, fitting.end());
  for (auto place = fitting.begin(); place != end; ++place) {
    auto& s = sessions_.at(place->second);
    get_acquainted(place->second, s);
    into.sessions.push_back(row_of(place->second, s));
  }
}

// Of a session in a list; what comes first has the smaller one.
std::int64_t shard::rank_of(const slot& s, cluster::session_order order) const {
  const auto since = s.seen.since.time_since_epoch().count();
  switch (order) {
  case cluster::session_order::oldest:
    return since;
  case cluster::session_order::waiting:
    return s.unfinished.empty() ? 0 : (s.waiting_since - now()).count();
  case cluster::session_order::messages:
    return -std::int64_t{s.seen.inputs};
  default:
    return -since;
  }
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
  get_acquainted(found->first, s);
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
  detail.row = actor_row_of(s);
  detail.messages = messages_of(s);
  into.details.push_back(std::move(detail));
  return true;
}

} // namespace holdfast::actors
