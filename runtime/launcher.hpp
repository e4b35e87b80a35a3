// `holdfast launch`: the whole cluster on this machine, one OS process per node.
//
//   launcher --fork, exec--> holdfast node NAME --config effective.toml --control-fd N
//            --ended NAME PID--> coordinator   (process_channel.hpp)
//            <--kill NAME PID---
//
// A node that ends is started again and rejoins by itself. Nothing is left behind when the launcher
// ends, however it ends: the kernel kills its children, also those that are stopped.
#pragma once

#include "runtime/configuration.hpp"

namespace holdfast::runtime {

// Runs until SIGINT or SIGTERM (0), or until the cluster cannot run as configured (1, said on
// stderr). Call it from the main thread, before there are others.
[[nodiscard]] int run_launcher(configuration c);

} // namespace holdfast::runtime
