// A node: the root of its supervision tree. It starts the hub and the role of the node, watches
// them, and ends the node when what cannot be trusted has failed.
//
//   node -> inspector                     what operators ask of this node's actors
//        -> hub -> links
//        -> probe                      answers for the workers of this node (heartbeats carry its
//        age)
//        -> coordinator | dispatcher | proxy     restarted, within an intensity
//        -> container -> shards -> sessions      each supervises its own
#pragma once

#include "actors/hub.hpp"
#include "actors/world.hpp"
#include "protocol/cluster/admission.hpp"
#include "protocol/cluster/balance.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/session/environment.hpp"

#include <caf/actor.hpp>
#include <caf/actor_system_config.hpp>

#include <memory>
#include <string>
#include <vector>

namespace holdfast::actors {

struct node_options {
  cluster::node_card card; // with the addresses that are bound
  cluster::settings settings;
  std::vector<coordinator_address> coordinators;
  std::shared_ptr<const session::environment> environment;
  cluster::balance_policy policy = cluster::balance_policy::least_work_left;
  cluster::load_limits limits{};
};

// The root of the node's actors: an exit message to it ends them all. To caf::get_atom it answers
// with its coordinator actor (invalid on other nodes), which takes inspect_cluster and
// operate_cluster; to caf::sys_atom with its inspector. `outside` outlives the actors.
[[nodiscard]] caf::actor start_node(caf::actor_system& system, world& outside,
                                    node_options options);

// What every system of the cluster must know before it starts: the message type of links, and the
// shard, which other nodes spawn here.
void register_types(caf::actor_system_config& config);

} // namespace holdfast::actors
