#include "actors/inspector.hpp"

#include "protocol/cluster/candidacy.hpp"

#include <caf/all.hpp>

#include <algorithm>

namespace holdfast::actors {

using cluster::frame_kind;
using cluster::inspect_what;

inspector::inspector(caf::actor_config& config, inspector_options options)
    : role_actor(config), options_{std::move(options)} {}

caf::behavior inspector::make_behavior() {
  every(tick_interval);
  return caf::message_handler{
      [this](actor_started& a) {
        if (actors_.size() < actors_max) actors_[a.id] = {a.who, std::move(a.kind), now()};
      },
      [this](actor_ended& a) { actors_.erase(a.id); },
      [this](actor_died& death) { bury(death); },
      [this](self_description& d) { on_description(d); },
      [this](inspect_everywhere& wanted) { on_survey(wanted); },
  }
      .or_else(common());
}

void inspector::on_exit() {
  actors_.clear();
  questions_.clear();
  surveys_.clear();
  role_actor::on_exit();
}

std::string inspector::state_line() const {
  return std::to_string(actors_.size()) + " actors known, " + std::to_string(graveyard_.size())
         + " ended by error";
}

void inspector::bury(actor_died& death) {
  graveyard_.push_back({std::move(death.obituary), now()});
  if (graveyard_.size() > graveyard_max) graveyard_.pop_front();
}

// ---- the actors of this node
// ---------------------------------------------------------------------

bool inspector::concerned(const cluster::inspect_query& query, std::uint64_t id,
                          const known_actor& a) const {
  switch (query.what) {
  case inspect_what::actors:
    return true;
  case inspect_what::actor:
    return query.one_session ? a.kind == "shard" : id == query.actor;
  case inspect_what::ladder:
    return a.kind == "dispatcher" || a.kind == "proxy"
           || (a.kind == "shard" && !query.sessions.empty());
  case inspect_what::sessions:
  case inspect_what::trace:
    return a.kind == "shard";
  case inspect_what::cluster:
  case inspect_what::history:
  case inspect_what::operate:
    return a.kind == "coordinator";
  default:
    return false;
  }
}

void inspector::ask_here(const cluster::inspect_query& query, answer reply) {
  question q{query, {}, {}, now() + node_patience, std::move(reply)};
  q.so_far.node = options_.name;
  if (questions_.size() >= questions_max) return q.reply(std::move(q.so_far));
  const auto number = ++next_;
  const auto shared = std::make_shared<const cluster::inspect_query>(query);
  for (const auto& [id, a] : actors_) {
    if (!concerned(query, id, a)) continue;
    const auto who = caf::actor_cast<caf::actor>(a.who);
    if (!who) continue;
    q.missing.insert(id);
    send(who, describe_yourself{number, id, shared});
  }
  if (query.what == inspect_what::graveyard)
    for (const auto& g : graveyard_) {
      q.so_far.graveyard.push_back(g.obituary);
      q.so_far.graveyard.back().ago = now() - g.at;
    }
  const auto it = questions_.emplace(number, std::move(q)).first;
  if (it->second.missing.empty()) finish(it);
}

void inspector::on_description(self_description& d) {
  const auto q = questions_.find(d.question);
  if (q == questions_.end() || q->second.missing.erase(d.id) == 0) return;
  cluster::add_part(q->second.so_far, std::move(d.part));
  if (q->second.missing.empty()) finish(q);
}

void inspector::finish(std::map<std::uint64_t, question>::iterator it) {
  auto q = std::move(it->second);
  questions_.erase(it);
  if (q.query.what == inspect_what::actors) add_effort(q.so_far);
  if (q.query.what == inspect_what::actors)
    for (const auto id : q.missing) {
      const auto a = actors_.find(id);
      if (a == actors_.end()) continue;
      auto& row = q.so_far.actors.emplace_back();
      row.id = id;
      row.kind = a->second.kind;
      row.state = "does not answer";
      row.answered = false;
      row.age = node_patience; // at least
      row.alive = now() - a->second.since;
    }
  if (q.query.what == inspect_what::sessions)
    cluster::keep_first(q.so_far.sessions, q.query.order,
                        std::min(q.query.limit, cluster::inspect_rows_max));
  for (auto& s : q.so_far.sightings) s.node = options_.name;
  name_parents(q.so_far);
  q.reply(std::move(q.so_far));
}

// Of those that live: what their predecessors noted is forgotten, and little beside it.
void inspector::add_effort(cluster::picture& p) const {
  if (!observing()) return;
  const auto effort = options_.outside->effort_so_far();
  if (!effort) return;
  std::uint64_t messages = 0;
  for (const auto& row : p.actors) messages += row.messages;
  const auto noting = effort->noting_each * static_cast<std::int64_t>(messages);
  p.effort.push_back({effort->worked, std::chrono::duration_cast<duration>(noting)});
}

std::uint64_t inspector::only(std::string_view kind) const {
  const auto found = std::find_if(actors_.begin(), actors_.end(),
                                  [&](const auto& a) { return a.second.kind == kind; });
  return found == actors_.end() ? 0 : found->first;
}

// Who supervises whom follows from what they are (actors/README.md).
void inspector::name_parents(cluster::picture& p) const {
  const auto root = only("node");
  const auto hub = only("hub");
  const auto container = only("container");
  const auto name = [&](cluster::actor_row& row) {
    row.parent = row.kind == "node"    ? 0
                 : row.kind == "link"  ? hub
                 : row.kind == "shard" ? container
                                       : root;
  };
  for (auto& row : p.actors) name(row);
  for (auto& d : p.details)
    if (!d.is_session) name(d.row);
}

// ---- all nodes
// -----------------------------------------------------------------------------------

void inspector::on_survey(inspect_everywhere& wanted) {
  const bool sampled = wanted.query.what == inspect_what::actors && wanted.node.empty();
  if (sampled && now() - latest_at_ < sampling_interval) return wanted.done(latest_);
  if (sampled)
    for (auto& [id, s] : surveys_)
      if (s.sampled) {
        s.done.push_back(std::move(wanted.done));
        return;
      }
  if (surveys_.size() >= questions_max) return wanted.done({});
  const auto nodes = nodes_for(wanted);
  const auto number = ++next_;
  auto& s = surveys_[number];
  s.sampled = sampled;
  s.of_coordinator =
      wanted.query.what == inspect_what::cluster || wanted.query.what == inspect_what::history;
  s.until = now() + cluster_patience;
  s.done.push_back(std::move(wanted.done));
  const auto message = encode(cluster::inspect{number, wanted.query});
  for (const auto& peer : reachable())
    if (nodes.contains(peer) && send_to(peer, frame_kind::inspect, message)) s.missing.insert(peer);
  const bool here = nodes.contains(options_.name);
  if (here) s.missing.insert(options_.name);
  if (s.missing.empty()) return finish(surveys_.find(number));
  if (here)
    ask_here(wanted.query, [this, number](cluster::picture p) {
      on_part(options_.name, number, true, std::move(p));
    });
}

std::set<std::string> inspector::nodes_for(const inspect_everywhere& wanted) const {
  if (!wanted.node.empty()) return {wanted.node};
  const bool of_coordinator = wanted.query.what == inspect_what::cluster
                              || wanted.query.what == inspect_what::history
                              || wanted.query.what == inspect_what::operate;
  std::set<std::string> nodes;
  if (of_coordinator) { // of several the one that the view names
    if (const auto* standing = cluster::coordinator_of(current_view()))
      nodes.insert(standing->card.name);
    else if (only("coordinator") != 0)
      nodes.insert(options_.name);
    return nodes;
  }
  nodes = reachable();
  nodes.insert(options_.name);
  return nodes;
}

void inspector::on_frame(const std::string& peer, frame_kind kind, std::string_view bytes) {
  if (kind == frame_kind::inspect) {
    with<cluster::inspect>(bytes, [&](const cluster::inspect& i) {
      ask_here(i.query, [this, peer, id = i.id](cluster::picture p) {
        auto parts = cluster::in_parts(std::move(p));
        for (auto& part : parts)
          send_frame(peer, frame_kind::inspect_reply,
                     cluster::inspect_reply{id, &part == &parts.back(), std::move(part)});
      });
    });
  } else if (kind == frame_kind::inspect_reply) {
    with<cluster::inspect_reply>(bytes, [&](cluster::inspect_reply r) {
      r.part.node = peer;
      for (auto& facts : r.part.facts) cluster::rebase(facts, now());
      on_part(peer, r.id, r.last, std::move(r.part));
    });
  }
}

void inspector::on_link(const std::string& peer, bool up) {
  if (up) return;
  std::vector<std::uint64_t> finished;
  for (auto& [id, s] : surveys_)
    if (s.missing.erase(peer) > 0 && s.missing.empty()) finished.push_back(id);
  for (const auto id : finished) finish(surveys_.find(id));
}

void inspector::on_part(const std::string& node, std::uint64_t id, bool last,
                        cluster::picture part) {
  const auto s = surveys_.find(id);
  if (s == surveys_.end() || !s->second.missing.contains(node)) return;
  cluster::add_part(s->second.so_far[node], std::move(part));
  s->second.answered_at.try_emplace(node, now());
  if (!last) return;
  s->second.missing.erase(node);
  if (s->second.missing.empty()) finish(s);
}

void inspector::finish(std::map<std::uint64_t, survey>::iterator it) {
  auto s = std::move(it->second);
  surveys_.erase(it);
  std::vector<cluster::picture> pictures;
  for (auto& [node, p] : s.so_far) {
    const auto since = now() - s.answered_at.at(node);
    for (auto& seen : p.sightings) seen.ago += since;
    pictures.push_back(std::move(p));
  }
  if (s.of_coordinator && std::all_of(pictures.begin(), pictures.end(), [](const auto& p) {
        return p.facts.empty();
      })) {
    auto& own = pictures.emplace_back();
    own.node = options_.name;
    own.facts.push_back(cluster::facts_of(current_view(), options_.name, now()));
  }
  if (s.sampled) {
    latest_ = pictures;
    latest_at_ = now();
  }
  for (const auto& tell : s.done) tell(pictures);
}

void inspector::on_tick() {
  const auto time = now();
  std::vector<std::uint64_t> overdue;
  for (const auto& [id, q] : questions_)
    if (q.until <= time) overdue.push_back(id);
  for (const auto id : overdue) finish(questions_.find(id));
  overdue.clear();
  for (const auto& [id, s] : surveys_)
    if (s.until <= time) overdue.push_back(id);
  for (const auto id : overdue)
    if (const auto s = surveys_.find(id); s != surveys_.end()) finish(s);
}

} // namespace holdfast::actors
