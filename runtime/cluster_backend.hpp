// What the console shows of the cluster: asked of the coordinator actor, answered as JSON.
#pragma once

#include "runtime/console.hpp"

#include <caf/actor.hpp>

#include <memory>

namespace holdfast::runtime {

[[nodiscard]] std::shared_ptr<console_backend> make_cluster_backend(caf::actor coordinator);

} // namespace holdfast::runtime
