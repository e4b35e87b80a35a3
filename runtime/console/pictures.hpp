// What inspectors and the coordinator's history say, as JSON for the console's API. The shapes are
// documented in openapi.json, and a test holds the server to it.
//
// Nodes say how long ago something was; here it becomes the time of day, in microseconds since
// 1970.
#pragma once

#include "protocol/cluster/cluster_facts.hpp"
#include "protocol/cluster/history.hpp"
#include "protocol/cluster/inspection.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::runtime {

// Turns "so long ago" and instants of this node into the time of day.
class wall_clock {
public:
  wall_clock();
  [[nodiscard]] std::int64_t us(duration ago) const { return wall_us_ - ago.count(); }
  [[nodiscard]] std::int64_t us(instant at) const { return us(now_ - at); }

private:
  std::int64_t wall_us_;
  instant now_;
};

// "17-00ab34cd56ef7890": how the API names a session.
[[nodiscard]] std::string session_name(const session_address& where);
[[nodiscard]] std::optional<session_address> parse_session_name(std::string_view text);

[[nodiscard]] boost::json::object to_json(const std::string& node, const cluster::actor_row& row);
[[nodiscard]] boost::json::object to_json(const std::string& node, const cluster::session_row& row,
                                          const wall_clock& clock);
[[nodiscard]] boost::json::object to_json(const std::string& node, const cluster::actor_detail& d,
                                          const wall_clock& clock);
[[nodiscard]] boost::json::object to_json(const std::string& node, const cluster::obituary& o,
                                          const wall_clock& clock);
[[nodiscard]] boost::json::object to_json(const cluster::rung& r, const wall_clock& clock);
[[nodiscard]] boost::json::object to_json(const cluster::failover& f, const wall_clock& clock);
[[nodiscard]] boost::json::object to_json(const cluster::view_change& v, const wall_clock& clock);

[[nodiscard]] boost::json::array members_json(const cluster::cluster_facts& c);
[[nodiscard]] boost::json::array shards_json(const cluster::cluster_facts& c);
[[nodiscard]] boost::json::array events_json(const cluster::cluster_facts& c,
                                             const wall_clock& clock);
[[nodiscard]] boost::json::object status_json(const cluster::cluster_facts& c,
                                              const wall_clock& clock);
// The shards with short names, because there are hundreds of them twice a second.
[[nodiscard]] boost::json::array ring_json(const cluster::cluster_facts& c);
[[nodiscard]] boost::json::object past_json(const cluster::view_change& v, const wall_clock& clock);

} // namespace holdfast::runtime
