#include "runtime/console/questions.hpp"

#include "actors/inspector.hpp"

#include <caf/all.hpp>

#include <utility>

namespace holdfast::runtime {

using cluster::inspect_query;
using cluster::inspect_what;
using pictures = std::vector<cluster::picture>;

namespace {

void ask_coordinator(const caf::actor& inspector, inspect_query query,
                     std::function<void(const cluster::cluster_facts&)> then) {
  ask_nodes(inspector, std::move(query), {}, [then = std::move(then)](const pictures& all) {
    for (const auto& p : all)
      if (!p.facts.empty()) return then(p.facts.front());
    then({});
  });
}

} // namespace

void ask_nodes(const caf::actor& inspector, inspect_query query, std::string node,
               std::function<void(const pictures&)> then) {
  caf::anon_send(inspector,
                 actors::inspect_everywhere{std::move(query), std::move(node), std::move(then)});
}

void ask_cluster(const caf::actor& inspector,
                 std::function<void(const cluster::cluster_facts&)> then) {
  inspect_query query;
  query.what = inspect_what::cluster;
  ask_coordinator(inspector, std::move(query), std::move(then));
}

void ask_history(const caf::actor& inspector, view_number number,
                 std::function<void(const cluster::cluster_facts&)> then) {
  inspect_query query;
  query.what = inspect_what::history;
  query.number = number;
  ask_coordinator(inspector, std::move(query), std::move(then));
}

void ask_failovers(const caf::actor& inspector,
                   std::function<void(const cluster::cluster_facts&)> then) {
  inspect_query query;
  query.what = inspect_what::history;
  query.limit = 0;
  ask_coordinator(inspector, std::move(query), std::move(then));
}

void order(const caf::actor& inspector, cluster::control::operator_verb verb, std::string node,
           shard_id shard, std::function<void(bool, const std::string&)> then) {
  inspect_query query;
  query.what = inspect_what::operate;
  query.verb = verb;
  query.text = std::move(node);
  query.shard = shard;
  ask_nodes(inspector, std::move(query), {}, [then = std::move(then)](const pictures& all) {
    for (const auto& p : all)
      if (!p.result.empty()) return then(p.accepted, p.result);
    then(false, {});
  });
}

} // namespace holdfast::runtime
