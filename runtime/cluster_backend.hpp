// What the console shows of the cluster: asked of the coordinator actor, answered as JSON. What
// concerns actors and calls is console/cluster_views.
#pragma once

#include "actors/coordinator_actor.hpp"
#include "runtime/console.hpp"

#include <boost/json.hpp>
#include <caf/actor.hpp>

#include <deque>
#include <memory>

namespace holdfast::runtime {

// `inspector` is the one of the coordinator's node.
[[nodiscard]] std::shared_ptr<console_backend> make_cluster_backend(caf::actor coordinator,
                                                                    caf::actor inspector);

[[nodiscard]] boost::json::array members_of(const cluster::coordinator& c);
[[nodiscard]] boost::json::object status_of(const cluster::coordinator& c,
                                            const std::deque<actors::cluster_event>& events);

} // namespace holdfast::runtime
