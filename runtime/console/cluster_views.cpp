#include "runtime/console/cluster_views.hpp"

#include "actors/coordinator_actor.hpp"
#include "actors/inspector.hpp"
#include "protocol/sip/text.hpp"
#include "runtime/cluster_backend.hpp"
#include "runtime/console/assets.hpp"
#include "runtime/console/metrics_text.hpp"
#include "runtime/console/pictures.hpp"

#include <boost/json.hpp>
#include <caf/all.hpp>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <utility>

namespace holdfast::runtime {

namespace json = boost::json;
using cluster::inspect_query;
using cluster::inspect_what;
using cluster::picture;
using done = console_backend::done;
using pictures = std::vector<picture>;

namespace {

console_reply ok(const json::value& body) {
  return {200, json::serialize(body)};
}

console_reply missing(std::string_view what) {
  return {404, error_json(what)};
}

void ask_nodes(const caf::actor& inspector, inspect_query query, std::string node,
               std::function<void(const pictures&)> then) {
  caf::anon_send(inspector,
                 actors::inspect_everywhere{std::move(query), std::move(node), std::move(then)});
}

// One shard for the ring: short names, because there are hundreds of them twice a second.
json::array compact_shards(const cluster::coordinator& c) {
  json::array rows;
  for (const auto& s : c.shards()) {
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
                    {"a", s.active},
                    {"m", s.moving}});
  }
  return rows;
}

bool mentions(const json::object& row, const std::string& lower_text) {
  if (lower_text.empty()) return true;
  for (const auto* field : {"node", "kind", "label", "state"})
    if (sip::text::to_lower(std::string{row.at(field).as_string()}).find(lower_text)
        != std::string::npos)
      return true;
  return false;
}

// By a field of the rows; texts upwards, numbers with the largest first.
void sort_by(std::vector<json::object>& rows, const std::string& field) {
  if (rows.empty() || !rows.front().contains(field)) return;
  std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    const auto& x = a.at(field);
    const auto& y = b.at(field);
    if (x.is_string()) return x.as_string() < y.as_string();
    return x.is_number() && x.template to_number<double>() > y.template to_number<double>();
  });
}

cluster::session_order order_of(const std::string& text) {
  if (text == "oldest") return cluster::session_order::oldest;
  if (text == "waiting") return cluster::session_order::waiting;
  if (text == "messages") return cluster::session_order::messages;
  return cluster::session_order::newest;
}

json::array ladder_json(const pictures& from, const wall_clock& clock) {
  std::vector<cluster::sighting_row> rows;
  for (const auto& p : from) rows.insert(rows.end(), p.sightings.begin(), p.sightings.end());
  json::array out;
  for (const auto& r : cluster::ladder_of(std::move(rows))) out.push_back(to_json(r, clock));
  return out;
}

} // namespace

bool cluster_views::look(const console_query& q, done reply) {
  const auto& p = q.path;
  if (p.size() == 1 && p[0] == "metrics") return metrics(std::move(reply)), true;
  if (p.size() < 3 || p[0] != "api" || p[1] != "v1") return false;
  const auto& what = p[2];
  if (p.size() == 3) {
    if (what == "overview") return overview(std::move(reply)), true;
    if (what == "events") return events(std::move(reply)), true;
    if (what == "views") return views(std::move(reply)), true;
    if (what == "failovers") return failovers(std::move(reply)), true;
    if (what == "actors") return actors(q, std::move(reply)), true;
    if (what == "calls") return calls(q, std::move(reply)), true;
    if (what == "graveyard") return graveyard(std::move(reply)), true;
    if (what == "openapi.json") {
      const auto* file = find_asset("/openapi.json");
      reply(file != nullptr ? console_reply{200, std::string{file->plain}}
                            : missing("the front end was not built"));
      return true;
    }
  }
  if (p.size() == 5 && what == "actors") return one_actor(q, std::move(reply)), true;
  if (p.size() == 3 && what == "ladder")
    return call_by_id(q.value("call_id"), std::move(reply)), true;
  if (p.size() == 4 && what == "calls") {
    const auto where = parse_session_name(p[3]);
    if (!where) return false;
    one_call(*where, std::move(reply));
    return true;
  }
  return false;
}

bool cluster_views::act(const console_query& q, done reply) {
  const auto& p = q.path;
  if (p.size() != 4 || p[0] != "api" || p[1] != "v1" || p[2] != "trace") return false;
  const auto where = parse_session_name(p[3]);
  if (!where) return false;
  inspect_query query;
  query.what = inspect_what::trace;
  query.one_session = true;
  query.session = *where;
  query.on = q.value("on") != "0";
  ask_nodes(inspector_, query, {}, [reply, on = query.on](const pictures& all) {
    const bool found = std::any_of(all.begin(), all.end(),
                                   [](const picture& one) { return one.sessions_fitting > 0; });
    reply(found ? ok(json::object{{"result", on ? "traced from now on" : "not traced any more"}})
                : missing("there is no such session"));
  });
  return true;
}

void cluster_views::overview(done reply) {
  caf::anon_send(
      coordinator_, actors::inspect_cluster{[reply, to = coordinator_](
                                                const cluster::coordinator& c, const auto& events) {
        auto body = status_of(c, events);
        body["members"] = members_of(c);
        body["ring"] = compact_shards(c);
        caf::anon_send(to, actors::inspect_history{[reply, body = std::move(body)](
                                                       const cluster::history& h) mutable {
                         const wall_clock clock;
                         json::array recent;
                         const auto skip = h.failovers().size() > 8 ? h.failovers().size() - 8 : 0;
                         for (std::size_t i = skip; i < h.failovers().size(); ++i) {
                           auto f = to_json(h.failovers()[i], clock);
                           f.erase("shards");
                           recent.push_back(std::move(f));
                         }
                         body["failovers"] = std::move(recent);
                         reply(ok(body));
                       }});
      }});
}

void cluster_views::events(done reply) {
  caf::anon_send(coordinator_, actors::inspect_cluster{
                                   [reply](const cluster::coordinator& c, const auto& events) {
                                     reply(ok(status_of(c, events).at("events")));
                                   }});
}

void cluster_views::views(done reply) {
  caf::anon_send(coordinator_, actors::inspect_history{[reply](const cluster::history& h) {
                   const wall_clock clock;
                   json::array out;
                   for (const auto& v : h.views()) out.push_back(to_json(v, clock));
                   reply(ok(out));
                 }});
}

void cluster_views::failovers(done reply) {
  caf::anon_send(coordinator_, actors::inspect_history{[reply](const cluster::history& h) {
                   const wall_clock clock;
                   json::array out;
                   for (const auto& f : h.failovers()) out.push_back(to_json(f, clock));
                   reply(ok(out));
                 }});
}

void cluster_views::actors(const console_query& q, done reply) {
  inspect_query query;
  query.what = inspect_what::actors;
  ask_nodes(inspector_, query, {}, [q, reply](const pictures& all) {
    const auto node = q.value("node");
    const auto kind = q.value("kind");
    const auto text = sip::text::to_lower(q.value("search"));
    std::vector<json::object> rows;
    for (const auto& p : all)
      for (const auto& a : p.actors) {
        if ((!node.empty() && node != p.node) || (!kind.empty() && kind != a.kind)) continue;
        auto row = to_json(p.node, a);
        if (mentions(row, text)) rows.push_back(std::move(row));
      }
    sort_by(rows, q.value("sort"));
    const auto offset = q.number("offset", 0, offset_max);
    const auto limit = q.number("limit", rows_max, rows_max);
    json::array page;
    for (std::size_t i = offset; i < rows.size() && page.size() < limit; ++i)
      page.push_back(std::move(rows[i]));
    reply(ok(json::object{{"total", rows.size()}, {"rows", std::move(page)}}));
  });
}

void cluster_views::one_actor(const console_query& q, done reply) {
  inspect_query query;
  query.what = inspect_what::actor;
  const auto& id = q.path[4];
  std::from_chars(id.data(), id.data() + id.size(), query.actor);
  ask_nodes(inspector_, query, q.path[3], [reply](const pictures& all) {
    const wall_clock clock;
    for (const auto& p : all)
      if (!p.details.empty()) return reply(ok(to_json(p.node, p.details.front(), clock)));
    reply(missing("there is no such actor (any more)"));
  });
}

void cluster_views::calls(const console_query& q, done reply) {
  inspect_query query;
  query.what = inspect_what::sessions;
  query.text = q.value("search");
  query.order = order_of(q.value("order"));
  const auto offset = q.number("offset", 0, rows_max);
  const auto limit = q.number("limit", 100, rows_max);
  query.limit = std::min(offset + limit, cluster::inspect_rows_max);
  const auto shard = q.value("shard");
  if (!shard.empty()) {
    query.one_shard = true;
    query.shard = shard_id{static_cast<std::uint16_t>(q.number("shard", 65535, 65535))};
  }
  ask_nodes(inspector_, query, q.value("node"),
            [reply, offset, limit, order = query.order](const pictures& all) {
              const wall_clock clock;
              std::uint64_t total = 0;
              std::vector<cluster::session_row> rows;
              std::map<session_address, std::string> nodes;
              for (const auto& p : all) {
                total += p.sessions_fitting;
                for (const auto& s : p.sessions) {
                  nodes[s.where] = p.node;
                  rows.push_back(s);
                }
              }
              cluster::keep_first(rows, order, std::size_t{offset} + limit);
              json::array page;
              for (std::size_t i = offset; i < rows.size(); ++i)
                page.push_back(to_json(nodes[rows[i].where], rows[i], clock));
              reply(ok(json::object{{"total", total}, {"rows", std::move(page)}}));
            });
}

// First the session itself, for its Call-IDs; then what was seen of them anywhere; then what the
// cluster did to its shard meanwhile.
void cluster_views::one_call(const session_address& where, done reply) {
  inspect_query first;
  first.what = inspect_what::actor;
  first.one_session = true;
  first.session = where;
  const auto self = shared_from_this();
  ask_nodes(inspector_, first, {}, [self, where, reply](const pictures& all) {
    json::value session;
    inspect_query second;
    second.what = inspect_what::ladder;
    second.sessions = {where};
    for (const auto& p : all) {
      if (p.details.empty()) continue;
      session = to_json(p.node, p.details.front(), wall_clock{});
      for (const auto& id : p.details.front().session.call_ids)
        second.calls.push_back(cluster::call_hash(id));
    }
    ask_nodes(self->inspector_, second, {}, [self, where, reply, session](const pictures& seen) {
      const wall_clock clock;
      auto ladder = ladder_json(seen, clock);
      if (session.is_null() && ladder.empty())
        return reply(missing("there is no such call, and nothing is remembered of it"));
      json::object body{{"id", session_name(where)},
                        {"shard", where.shard.value},
                        {"actor", session},
                        {"ladder", std::move(ladder)}};
      caf::anon_send(self->coordinator_,
                     actors::inspect_history{[where, reply, body](const cluster::history& h) {
                       auto out = body;
                       json::array moved;
                       for (const auto& f : h.failovers())
                         if (std::any_of(f.shards.begin(), f.shards.end(),
                                         [&](const auto& s) { return s.shard == where.shard; })) {
                           auto one = to_json(f, wall_clock{});
                           moved.push_back(std::move(one));
                         }
                       out["failovers"] = std::move(moved);
                       reply(ok(out));
                     }});
    });
  });
}

// The session of a Call-ID: it lives, or some station remembers which one it was.
void cluster_views::call_by_id(const std::string& call_id, done reply) {
  if (call_id.empty()) return reply({400, error_json("call_id is missing")});
  inspect_query first;
  first.what = inspect_what::ladder;
  first.calls = {cluster::call_hash(call_id)};
  const auto self = shared_from_this();
  ask_nodes(inspector_, first, {}, [self, call_id, reply](const pictures& seen) {
    for (const auto& p : seen)
      for (const auto& s : p.sightings)
        if (s.session.session.value != 0) return self->one_call(s.session, reply);
    inspect_query second;
    second.what = inspect_what::sessions;
    second.text = call_id;
    second.limit = 1;
    ask_nodes(self->inspector_, second, {}, [self, reply](const pictures& all) {
      for (const auto& p : all)
        if (!p.sessions.empty()) return self->one_call(p.sessions.front().where, reply);
      reply(missing("nothing is known of a call with this Call-ID"));
    });
  });
}

void cluster_views::graveyard(done reply) {
  inspect_query query;
  query.what = inspect_what::graveyard;
  ask_nodes(inspector_, query, {}, [reply](const pictures& all) {
    const wall_clock clock;
    std::vector<json::object> rows;
    for (const auto& p : all)
      for (const auto& o : p.graveyard) rows.push_back(to_json(p.node, o, clock));
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
      return a.at("at_us").as_int64() > b.at("at_us").as_int64();
    });
    json::array out;
    for (auto& r : rows) out.push_back(std::move(r));
    reply(ok(out));
  });
}

void cluster_views::metrics(done reply) {
  inspect_query query;
  query.what = inspect_what::actors;
  ask_nodes(inspector_, query, {}, [reply, to = coordinator_](const pictures& all) {
    caf::anon_send(
        to, actors::inspect_cluster{[reply, all](const cluster::coordinator& c, const auto&) {
          reply({200, metrics_text(c, all), "text/plain; version=0.0.4"});
        }});
  });
}

} // namespace holdfast::runtime
