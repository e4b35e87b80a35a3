#include "runtime/console/pictures.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>

namespace holdfast::runtime {

namespace json = boost::json;

namespace {

json::array strings(const std::vector<std::string>& from) {
  json::array out;
  for (const auto& s : from) out.emplace_back(s);
  return out;
}

json::array numbers(const std::vector<std::uint32_t>& from) {
  json::array out;
  for (const auto n : from) out.emplace_back(n);
  return out;
}

json::value or_null(std::int32_t us) {
  return us < 0 ? json::value() : json::value(us);
}

json::array messages_of(const std::vector<cluster::message_row>& rows, const wall_clock& clock) {
  json::array out;
  for (const auto& m : rows)
    out.push_back({{"number", m.number},
                   {"at_us", clock.us(m.ago)},
                   {"kind", m.kind},
                   {"from", m.from},
                   {"waited_us", or_null(m.waited_us)},
                   {"processed_us", or_null(m.processed_us)}});
  return out;
}

std::string_view station_name(cluster::station s) {
  switch (s) {
  case cluster::station::dispatcher:
    return "dispatcher";
  case cluster::station::proxy:
    return "proxy";
  default:
    return "session";
  }
}

json::value time_or_null(const std::optional<instant>& at, const wall_clock& clock) {
  return at ? json::value(clock.us(*at)) : json::value();
}

} // namespace

wall_clock::wall_clock() {
  using namespace std::chrono;
  wall_us_ = duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  now_ = instant{duration_cast<duration>(steady_clock::now().time_since_epoch())};
}

std::string session_name(const session_address& where) {
  char text[32];
  std::snprintf(text, sizeof text, "%u-%016llx", static_cast<unsigned>(where.shard.value),
                static_cast<unsigned long long>(where.session.value));
  return text;
}

std::optional<session_address> parse_session_name(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  session_address out;
  const auto* end = text.data() + text.size();
  const auto shard = std::from_chars(text.data(), text.data() + dash, out.shard.value);
  const auto session = std::from_chars(text.data() + dash + 1, end, out.session.value, 16);
  const bool whole = shard.ec == std::errc{} && shard.ptr == text.data() + dash
                     && session.ec == std::errc{} && session.ptr == end;
  return whole ? std::optional{out} : std::nullopt;
}

json::object to_json(const std::string& node, const cluster::actor_row& row) {
  return {{"node", node},
          {"id", row.id},
          {"kind", row.kind},
          {"label", row.label},
          {"parent", row.parent},
          {"state", row.state},
          {"depth", row.depth},
          {"age_us", row.age.count()},
          {"messages", row.messages},
          {"busy_us", row.busy.count()},
          {"waited_max_us", row.waited_max.count()},
          {"processed_max_us", row.processed_max.count()},
          {"restarts", row.restarts},
          {"sessions", row.sessions},
          {"alive_us", row.alive.count()},
          {"answered", row.answered}};
}

json::object to_json(const std::string& node, const cluster::session_row& row,
                     const wall_clock& clock) {
  return {{"id", session_name(row.where)},
          {"node", node},
          {"shard", row.where.shard.value},
          {"application", row.application},
          {"caller", row.caller},
          {"callee", row.callee},
          {"call_ids", strings(row.call_ids)},
          {"stable", row.stable},
          {"ending", row.ending},
          {"quarantined", row.quarantined},
          {"rests", row.rests},
          {"open", row.open},
          {"depth", row.depth},
          {"age_us", row.age.count()},
          {"messages", row.messages},
          {"restarts", row.restarts},
          {"since_us", clock.us(row.alive)},
          {"dialogs", row.dialogs},
          {"ended", row.ended}};
}

json::object to_json(const std::string& node, const cluster::actor_detail& d,
                     const wall_clock& clock) {
  json::array kinds;
  for (const auto& k : d.kinds)
    kinds.push_back({{"kind", k.kind},
                     {"count", k.count},
                     {"processed_us", k.processed.count()},
                     {"waited_max_us", k.waited_max.count()},
                     {"processed_max_us", k.processed_max.count()},
                     {"waited", numbers(k.waited_for)},
                     {"processed", numbers(k.took)}});
  auto out = to_json(node, d.row);
  out["kinds"] = std::move(kinds);
  out["last_messages"] = messages_of(d.messages, clock);
  out["traced"] = d.traced;
  json::array monitors;
  for (const auto id : d.monitors) monitors.emplace_back(id);
  out["monitors"] = std::move(monitors);
  out["monitoring"] = d.monitoring;
  json::array texts;
  for (const auto& t : d.texts)
    texts.push_back({{"at_us", clock.us(t.ago)}, {"in", t.in}, {"text", t.bytes}});
  out["trace"] = std::move(texts);
  out["session"] = d.is_session ? json::value(to_json(node, d.session, clock)) : json::value();
  return out;
}

json::object to_json(const std::string& node, const cluster::obituary& o, const wall_clock& clock) {
  auto out = to_json(node, o.row);
  out["at_us"] = clock.us(o.ago);
  out["why"] = o.why;
  out["last_messages"] = messages_of(o.messages, clock);
  out["session"] =
      o.session.session.value == 0 ? json::value() : json::value(session_name(o.session));
  return out;
}

json::object to_json(const cluster::rung& r, const wall_clock& clock) {
  json::array stops;
  for (const auto& s : r.stops)
    stops.push_back({{"node", s.node},
                     {"station", station_name(s.where)},
                     {"at_us", clock.us(s.ago)},
                     {"step", s.step == 0 ? json::value() : json::value(s.step)}});
  std::string what{cluster::to_string(r.method)};
  if (r.status != 0) what = std::to_string(r.status) + " (" + what + ")";
  return {{"what", what},
          {"method", cluster::to_string(r.method)},
          {"status", r.status},
          {"cseq", r.cseq},
          {"in", r.in},
          {"agent", to_string(r.agent)},
          {"call", std::to_string(r.call)},
          {"repeated", r.repeated},
          {"stops", std::move(stops)}};
}

json::object to_json(const cluster::failover& f, const wall_clock& clock) {
  json::array shards;
  for (const auto& s : f.shards)
    shards.push_back({{"shard", s.shard.value},
                      {"epoch", s.epoch.value},
                      {"to", s.to.name},
                      {"sessions", s.sessions},
                      {"activated_us", time_or_null(s.activated, clock)},
                      {"first_message_us", time_or_null(s.first_message, clock)}});
  return {{"id", f.id},
          {"node", to_string(f.node)},
          {"cause", f.cause},
          {"view", f.view.value},
          {"sessions", f.sessions()},
          {"detected_us", clock.us(f.detected)},
          {"decided_us", clock.us(f.decided)},
          {"spawned_us", time_or_null(f.spawned, clock)},
          {"activated_us", time_or_null(f.activated(), clock)},
          {"first_message_us", time_or_null(f.first_message(), clock)},
          {"shards", std::move(shards)}};
}

json::object to_json(const cluster::view_change& v, const wall_clock& clock) {
  return {{"number", v.number.value},
          {"at_us", clock.us(v.at)},
          {"joined", strings(v.joined)},
          {"ended", strings(v.ended)},
          {"states", strings(v.states)},
          {"owners_changed", v.owners_changed},
          {"replicas_changed", v.replicas_changed}};
}

} // namespace holdfast::runtime
