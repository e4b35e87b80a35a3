#include "runtime/caf_configuration.hpp"

#include "actors/messages.hpp"

#include <caf/atom.hpp>
#include <caf/io/middleman.hpp>
#include <caf/timespan.hpp>

namespace holdfast::runtime {

caf_configuration::caf_configuration(const caf_options& options) {
  load<caf::io::middleman>();
  // The default, `stealing`, walks its queue under a spinlock: forty times slower with 100,000
  // actors.
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", options.threads);
  // Without it a flooded actor keeps a worker for hundreds of milliseconds.
  set("scheduler.max-throughput", std::size_t{50});
  set("middleman.heartbeat-interval", caf::timespan{options.link_heartbeat_interval});
  set("middleman.connection-timeout", caf::timespan{options.link_time_out});
  add_message_type<actors::frame>("frame");
  if (options.register_types) options.register_types(*this);
}

} // namespace holdfast::runtime
