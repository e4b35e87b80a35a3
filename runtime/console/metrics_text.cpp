#include "runtime/console/metrics_text.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>

namespace holdfast::runtime {

namespace {

class page {
public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    out_ << "# HELP holdfast_" << name << ' ' << help << "\n# TYPE holdfast_" << name << ' ' << type
         << '\n';
    name_ = name;
  }
  // Names of nodes and kinds of actors hold nothing that would need to be escaped.
  template <class Value>
  void value(const Value& v, const std::string& labels = {}) {
    out_ << "holdfast_" << name_ << (labels.empty() ? "" : "{" + labels + "}") << ' ' << v << '\n';
  }
  [[nodiscard]] std::string text() const { return out_.str(); }

private:
  std::ostringstream out_;
  std::string name_;
};

std::string node_label(const std::string& node) {
  return "node=\"" + node + '"';
}

struct kind_totals {
  std::uint64_t actors = 0;
  std::uint64_t messages = 0;
  duration busy{};
  std::uint64_t depth = 0;
  duration age{};
  std::uint64_t restarts = 0;
};

double seconds(duration d) {
  return static_cast<double>(d.count()) / 1e6;
}

void write_members(page& out, const cluster::cluster_facts& c) {
  out.family("sessions", "gauge", "Sessions a node holds.");
  for (const auto& m : c.members) out.value(m.sessions, node_label(m.name));
  out.family("shards_owned", "gauge", "Shards a node owns.");
  for (const auto& m : c.members) out.value(m.shards_owned, node_label(m.name));
  out.family("node_up", "gauge", "1: in the view and not down.");
  for (const auto& m : c.members)
    out.value(m.state == cluster::member_state::down ? 0 : 1, node_label(m.name));
}

void write_cluster(page& out, const cluster::cluster_facts& c) {
  std::uint64_t unprotected = 0;
  std::uint64_t inactive = 0;
  std::uint32_t lag = 0;
  for (const auto& s : c.shards) {
    unprotected += s.unprotected ? 1 : 0;
    inactive += s.active ? 0 : 1;
    lag = std::max(lag, s.lag);
  }
  out.family("ready", "gauge", "1: every shard is served and has the copies it can have.");
  out.value(c.ready ? 1 : 0);
  out.family("view_number", "counter", "Number of the view in force.");
  out.value(c.number.value);
  out.family("shards_unprotected", "gauge", "Shards without a copy in sync.");
  out.value(unprotected);
  out.family("shards_inactive", "gauge", "Shards nobody serves right now.");
  out.value(inactive);
  out.family("replica_lag_commits_max", "gauge", "Commits the slowest copy has not acknowledged.");
  out.value(lag);
  out.family("sessions_lost_total", "counter", "Sessions lost with all their copies.");
  out.value(c.sessions_lost);
}

} // namespace

std::string metrics_text(const cluster::cluster_facts& c,
                         const std::vector<cluster::picture>& actors) {
  page out;
  write_cluster(out, c);
  write_members(out, c);
  std::map<std::pair<std::string, std::string>, kind_totals> totals;
  for (const auto& p : actors)
    for (const auto& a : p.actors) {
      auto& t = totals[{p.node, a.kind}];
      ++t.actors;
      t.messages += a.messages;
      t.busy += a.busy;
      t.depth += a.depth;
      t.age = std::max(t.age, a.age);
      t.restarts += a.restarts;
    }
  const auto each = [&](const auto& figure) {
    for (const auto& [key, t] : totals)
      out.value(figure(t), node_label(key.first) + ",kind=\"" + key.second + '"');
  };
  out.family("actors", "gauge", "Actors alive, sessions aside.");
  each([](const kind_totals& t) { return t.actors; });
  out.family("actor_messages_total", "counter", "Messages handled.");
  each([](const kind_totals& t) { return t.messages; });
  out.family("actor_busy_seconds_total", "counter", "Time spent in handlers.");
  each([](const kind_totals& t) { return seconds(t.busy); });
  out.family("mailbox_depth", "gauge", "Messages that wait.");
  each([](const kind_totals& t) { return t.depth; });
  out.family("mailbox_age_seconds_max", "gauge", "How long the oldest of them has waited.");
  each([](const kind_totals& t) { return seconds(t.age); });
  out.family("session_restarts_total", "counter", "Sessions restarted after an exception.");
  each([](const kind_totals& t) { return t.restarts; });
  return out.text();
}

} // namespace holdfast::runtime
