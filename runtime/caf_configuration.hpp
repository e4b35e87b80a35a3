// CAF as a node runs it. Said in code, because CAF's own configuration files ignore mistakes in
// silence.
#pragma once

#include <caf/actor_system_config.hpp>

#include <chrono>
#include <cstddef>
#include <functional>

namespace holdfast::runtime {

struct caf_options {
  std::size_t threads = 2; // scheduler workers
  // Backstops of a link; a dead or hung peer is noticed by the heartbeats long before. Not below
  // the round trip: BASP gives up a handshake that is not done by the next heartbeat.
  std::chrono::milliseconds link_heartbeat_interval{250};
  std::chrono::milliseconds link_time_out{1000};
  // Registers what can be spawned remotely: config.add_actor_type<...>("shard").
  std::function<void(caf::actor_system_config&)> register_types;
};

class caf_configuration : public caf::actor_system_config {
public:
  explicit caf_configuration(const caf_options& options = {});
};

} // namespace holdfast::runtime
