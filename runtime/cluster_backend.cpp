#include "runtime/cluster_backend.hpp"

#include "runtime/console/cluster_views.hpp"

#include <boost/json.hpp>
#include <caf/all.hpp>

#include <chrono>
#include <deque>
#include <utility>

namespace holdfast::runtime {

namespace json = boost::json;
using actors::cluster_event;
using actors::inspect_cluster;
using actors::operate_cluster;
using cluster::coordinator;

json::array members_of(const coordinator& c) {
  json::array rows;
  for (const auto& m : c.members())
    rows.push_back({{"name", m.name},
                    {"role", cluster::to_string(m.serves)},
                    {"state", m.suspected ? "suspected" : cluster::to_string(m.state)},
                    {"incarnation", m.incarnation.value},
                    {"pid", m.pid},
                    {"sessions", m.sessions},
                    {"shards", m.shards_owned},
                    {"replicas", m.replicas_held},
                    {"linked", m.linked}});
  return rows;
}

namespace {

json::array shards_of(const coordinator& c) {
  json::array rows;
  for (const auto& s : c.shards()) {
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

// The node's clock counts from boot; people and other programs want the time of day.
std::int64_t unix_ms(instant at) {
  using namespace std::chrono;
  const auto now = duration_cast<duration>(steady_clock::now().time_since_epoch());
  const auto wall = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
  return wall.count() - duration_cast<milliseconds>(now - at.time_since_epoch()).count();
}

} // namespace

json::object status_of(const coordinator& c, const std::deque<cluster_event>& events) {
  json::array lines;
  for (const auto& e : events)
    lines.push_back({{"at_ms", unix_ms(e.at)}, {"alarm", e.alarm}, {"what", e.text}});
  std::uint64_t unprotected = 0;
  std::uint64_t inactive = 0;
  std::uint64_t sessions = 0;
  for (const auto& s : c.shards()) {
    unprotected += s.unprotected ? 1 : 0;
    inactive += s.active ? 0 : 1;
    sessions += s.sessions;
  }
  return {{"view", c.current().number.value},
          {"ready", c.ready()},
          {"shards", c.current().shards.size()},
          {"inactive", inactive},
          {"unprotected", unprotected},
          {"sessions", sessions},
          {"sessions_lost", c.current().sessions_lost},
          {"events", std::move(lines)}};
}

namespace {

class cluster_backend final : public console_backend {
public:
  cluster_backend(caf::actor coordinator, caf::actor inspector)
      : coordinator_{std::move(coordinator)},
        views_{std::make_shared<cluster_views>(coordinator_, std::move(inspector))} {}

  void ready(done reply) override {
    look([reply](const coordinator& c, const std::deque<cluster_event>&) {
      if (c.ready())
        reply({200, R"({"ready": true})"});
      else
        reply({503, json::serialize(json::object{{"ready", false}, {"reason", why_not_ready(c)}})});
    });
  }
  void members(done reply) override {
    look([reply](const coordinator& c, const auto&) {
      reply({200, json::serialize(members_of(c))});
    });
  }
  void shards(done reply) override {
    look([reply](const coordinator& c, const auto&) {
      reply({200, json::serialize(shards_of(c))});
    });
  }
  void status(done reply) override {
    look([reply](const coordinator& c, const auto& events) {
      reply({200, json::serialize(status_of(c, events))});
    });
  }
  void operate(operation what, std::string node, std::uint16_t shard, done reply) override {
    operate_cluster order;
    order.command.verb = verb_of(what);
    order.command.node = std::move(node);
    order.command.shard = shard_id{shard};
    order.done = [reply](bool accepted, const std::string& text) {
      reply({accepted ? 202u : 409u,
             accepted ? json::serialize(json::object{{"result", text}}) : error_json(text)});
    };
    caf::anon_send(coordinator_, std::move(order));
  }

  bool look(const console_query& q, done reply) override {
    return views_->look(q, std::move(reply));
  }
  bool act(const console_query& q, done reply) override { return views_->act(q, std::move(reply)); }

private:
  static cluster::control::operator_verb verb_of(operation what) {
    using cluster::control::operator_verb;
    switch (what) {
    case operation::kill:
      return operator_verb::kill;
    case operation::drain:
      return operator_verb::drain;
    case operation::undrain:
      return operator_verb::undrain;
    case operation::move:
      break;
    }
    return operator_verb::move;
  }

  template <class Look>
  void look(Look with) {
    caf::anon_send(coordinator_, inspect_cluster{std::move(with)});
  }

  static std::string why_not_ready(const coordinator& c) {
    std::size_t containers = 0;
    for (const auto& m : c.members()) containers += m.serves == cluster::role::container ? 1u : 0u;
    if (containers == 0) return "no container has joined";
    std::size_t unowned = 0;
    std::size_t inactive = 0;
    std::size_t unprotected = 0;
    for (const auto& s : c.shards()) {
      unowned += s.owner.name.empty() ? 1u : 0u;
      inactive += s.active ? 0u : 1u;
      unprotected += s.unprotected ? 1u : 0u;
    }
    if (c.shards().empty() || unowned > 0)
      return "the containers have joined, shards are being given out";
    if (inactive > 0) return std::to_string(inactive) + " shards are not active yet";
    if (unprotected > 0) return std::to_string(unprotected) + " shards have no replica in sync";
    return "a role is missing or replicas are being filled";
  }

  caf::actor coordinator_;
  std::shared_ptr<cluster_views> views_;
};

} // namespace

std::shared_ptr<console_backend> make_cluster_backend(caf::actor coordinator,
                                                      caf::actor inspector) {
  return std::make_shared<cluster_backend>(std::move(coordinator), std::move(inspector));
}

} // namespace holdfast::runtime
