// How the console asks: the inspector of its node, which asks every node or the coordinator.
// Answers come once, in the inspector, within actors::inspector::cluster_patience.
#pragma once

#include "protocol/cluster/inspection.hpp"

#include <caf/actor.hpp>

#include <functional>
#include <string>
#include <vector>

namespace holdfast::runtime {

// `node`: only that one; empty: all.
void ask_nodes(const caf::actor& inspector, cluster::inspect_query query, std::string node,
               std::function<void(const std::vector<cluster::picture>&)> then);

// What the coordinator says; if it does not, what the view of the node next to the inspector tells.
void ask_cluster(const caf::actor& inspector,
                 std::function<void(const cluster::cluster_facts&)> then);
// With views. `number`: that view alone, with its ring; 0: all that are kept.
void ask_history(const caf::actor& inspector, view_number number,
                 std::function<void(const cluster::cluster_facts&)> then);

void ask_failovers(const caf::actor& inspector,
                   std::function<void(const cluster::cluster_facts&)> then);

// `then`: whether the coordinator has accepted it, and its words. No words: it did not answer.
void order(const caf::actor& inspector, cluster::control::operator_verb verb, std::string node,
           shard_id shard, std::function<void(bool accepted, const std::string& text)> then);

} // namespace holdfast::runtime
