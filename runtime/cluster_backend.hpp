// What the console shows of the cluster: members, shards, status and operations. What concerns
// actors, calls and the past is console/cluster_views.
#pragma once

#include "runtime/console.hpp"

#include <caf/actor.hpp>

#include <memory>

namespace holdfast::runtime {

// `inspector` is the one of this node, whichever that is.
[[nodiscard]] std::shared_ptr<console_backend> make_cluster_backend(caf::actor inspector);

} // namespace holdfast::runtime
