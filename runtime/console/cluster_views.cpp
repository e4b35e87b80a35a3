#include "runtime/console/cluster_views.hpp"

#include "protocol/sip/text.hpp"
#include "runtime/console/assets.hpp"
#include "runtime/console/metrics_text.hpp"
#include "runtime/console/pictures.hpp"
#include "runtime/console/questions.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <utility>

namespace holdfast::runtime {

namespace json = boost::json;
using cluster::cluster_facts;
using cluster::inspect_query;
using cluster::inspect_what;
using cluster::picture;
using done = console_backend::done;
using pictures = std::vector<picture>;

namespace {

constexpr std::size_t failovers_shown = 8; // of the overview; the others are a page away

console_reply ok(const json::value& body) {
  return {200, json::serialize(body)};
}

console_reply missing(std::string_view what) {
  return {404, error_json(what)};
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

// Why an actor was restarted.
json::object end_json(const cluster::obituary& o, const wall_clock& clock) {
  return {{"at_us", clock.us(o.ago)},
          {"why", o.why},
          {"state", o.row.state},
          {"restarts", o.row.restarts}};
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
  if (p.size() == 4 && what == "views") return one_view(p[3], std::move(reply)), true;
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
  ask_cluster(inspector_, [reply](const cluster_facts& c) {
    const wall_clock clock;
    auto body = status_json(c, clock);
    body["source"] = c.source;
    body["members"] = members_json(c);
    body["ring"] = ring_json(c);
    json::array recent;
    const auto skip = c.failovers.size() - std::min(c.failovers.size(), failovers_shown);
    for (std::size_t i = skip; i < c.failovers.size(); ++i) {
      auto f = to_json(c.failovers[i], clock);
      f.erase("shards");
      recent.push_back(std::move(f));
    }
    body["failovers"] = std::move(recent);
    reply(ok(body));
  });
}

void cluster_views::events(done reply) {
  ask_cluster(inspector_,
              [reply](const cluster_facts& c) { reply(ok(events_json(c, wall_clock{}))); });
}

void cluster_views::views(done reply) {
  ask_history(inspector_, {}, [reply](const cluster_facts& c) {
    const wall_clock clock;
    json::array out;
    for (const auto& v : c.views) out.push_back(to_json(v, clock));
    reply(ok(out));
  });
}

void cluster_views::one_view(const std::string& number, done reply) {
  view_number wanted;
  std::from_chars(number.data(), number.data() + number.size(), wanted.value);
  if (wanted.value == 0) return reply(missing("views are numbered from 1"));
  ask_history(inspector_, wanted, [reply](const cluster_facts& c) {
    if (c.views.empty()) return reply(missing("that view is not kept (any more)"));
    reply(ok(past_json(c.views.front(), wall_clock{})));
  });
}

void cluster_views::failovers(done reply) {
  ask_failovers(inspector_, [reply](const cluster_facts& c) {
    const wall_clock clock;
    json::array out;
    for (const auto& f : c.failovers) out.push_back(to_json(f, clock));
    reply(ok(out));
  });
}

void cluster_views::actors(const console_query& q, done reply) {
  inspect_query query;
  query.what = inspect_what::actors;
  ask_nodes(inspector_, query, {}, [q, reply](const pictures& all) {
    const auto node = q.value("node");
    const auto kind = q.value("kind");
    const auto text = sip::text::to_lower(q.value("search"));
    std::vector<json::object> rows;
    duration worked{}, noting{};
    for (const auto& p : all) {
      for (const auto& e : p.effort) {
        worked += e.worked;
        noting += e.noting;
      }
      for (const auto& a : p.actors) {
        if ((!node.empty() && node != p.node) || (!kind.empty() && kind != a.kind)) continue;
        auto row = to_json(p.node, a);
        if (mentions(row, text)) rows.push_back(std::move(row));
      }
    }
    sort_by(rows, q.value("sort"));
    const auto offset = q.number("offset", 0, offset_max);
    const auto limit = q.number("limit", rows_max, rows_max);
    json::array page;
    for (std::size_t i = offset; i < rows.size() && page.size() < limit; ++i)
      page.push_back(std::move(rows[i]));
    json::object answer{{"total", rows.size()}, {"rows", std::move(page)}};
    if (worked.count() > 0)
      answer["noting_share"] =
          static_cast<double>(noting.count()) / static_cast<double>(worked.count());
    reply(ok(std::move(answer)));
  });
}

// The actor itself, then its children, then why others of its kind ended by error on that node:
// one that was restarted in place is a new actor.
void cluster_views::one_actor(const console_query& q, done reply) {
  inspect_query query;
  query.what = inspect_what::actor;
  const auto& id = q.path[4];
  std::from_chars(id.data(), id.data() + id.size(), query.actor);
  const auto self = shared_from_this();
  ask_nodes(inspector_, query, q.path[3], [self, reply](const pictures& found) {
    for (const auto& p : found)
      if (!p.details.empty()) return self->with_family(p.node, p.details.front(), reply);
    reply(missing("there is no such actor (any more)"));
  });
}

void cluster_views::with_family(const std::string& node, const cluster::actor_detail& d,
                                done reply) {
  auto body = to_json(node, d, wall_clock{});
  inspect_query everyone;
  everyone.what = inspect_what::actors;
  const auto self = shared_from_this();
  ask_nodes(inspector_, everyone, {}, [=](const pictures& all) mutable {
    json::array children;
    for (const auto& p : all)
      for (const auto& a : p.actors)
        if (p.node == node && a.parent == d.row.id && a.id != d.row.id)
          children.push_back({{"id", a.id},
                              {"kind", a.kind},
                              {"label", a.label},
                              {"sessions", a.sessions},
                              {"age_us", a.age.count()}});
    body["children"] = std::move(children);
    inspect_query dead;
    dead.what = inspect_what::graveyard;
    ask_nodes(self->inspector_, dead, node, [=](const pictures& graves) mutable {
      const wall_clock clock;
      json::array ends;
      for (const auto& p : graves)
        for (const auto& o : p.graveyard)
          if (o.row.parent == d.row.id || (o.row.kind == d.row.kind && o.row.label == d.row.label))
            ends.push_back(end_json(o, clock));
      body["ended_by_error"] = std::move(ends);
      reply(ok(body));
    });
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
// cluster did to its shard meanwhile, and how often its actor ended by error.
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
      auto ladder = ladder_json(seen, wall_clock{});
      if (session.is_null() && ladder.empty())
        return reply(missing("there is no such call, and nothing is remembered of it"));
      self->with_past(where,
                      json::object{{"id", session_name(where)},
                                   {"shard", where.shard.value},
                                   {"actor", session},
                                   {"ladder", std::move(ladder)}},
                      reply);
    });
  });
}

void cluster_views::with_past(const session_address& where, json::object body, done reply) {
  const auto self = shared_from_this();
  ask_failovers(inspector_, [self, where, body = std::move(body), reply](const cluster_facts& c) {
    auto out = body;
    json::array moved;
    for (const auto& f : c.failovers)
      if (std::any_of(f.shards.begin(), f.shards.end(),
                      [&](const auto& s) { return s.shard == where.shard; }))
        moved.push_back(to_json(f, wall_clock{}));
    out["failovers"] = std::move(moved);
    inspect_query dead;
    dead.what = inspect_what::graveyard;
    ask_nodes(self->inspector_, dead, {}, [where, out, reply](const pictures& graves) mutable {
      const wall_clock clock;
      json::array ends;
      for (const auto& p : graves)
        for (const auto& o : p.graveyard)
          if (o.session == where) ends.push_back(end_json(o, clock));
      out["ended_by_error"] = std::move(ends);
      reply(ok(out));
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
  const auto self = shared_from_this();
  ask_nodes(inspector_, query, {}, [self, reply](const pictures& all) {
    ask_cluster(self->inspector_, [reply, all](const cluster_facts& c) {
      reply({200, metrics_text(c, all), "text/plain; version=0.0.4"});
    });
  });
}

} // namespace holdfast::runtime
