// One node as an OS process: what `holdfast node` runs, by hand, under systemd or under `launch`.
#pragma once

#include "runtime/configuration.hpp"
#include "runtime/node_identity.hpp"

namespace holdfast::runtime {

// Runs until SIGTERM or until the node can not be trusted any more; returns the exit code.
[[nodiscard]] int run_node(const configuration& c, const node_identity& who);

} // namespace holdfast::runtime
