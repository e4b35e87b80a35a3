#include "protocol/cluster/ledger_record.hpp"

#include <string_view>

namespace holdfast::cluster {

namespace {

struct comparison {
  std::string_view key; // as in the configuration file
  std::int64_t here;
  std::int64_t cluster;
};

std::int64_t milliseconds(duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

std::string to_text(const std::vector<replication_domain>& domains) {
  std::string text;
  for (const auto& domain : domains) {
    text += text.empty() ? "[\"" : ", \"";
    for (const auto& name : domain.containers)
      text += (&name == &domain.containers.front() ? "" : " ") + name;
    text += '"';
  }
  return text.empty() ? "[]" : text + "]";
}

} // namespace

std::optional<std::string> difference(const settings& here, const settings& cluster) {
  const comparison rows[] = {
      {"cluster.shards", here.shard_count, cluster.shard_count},
      {"cluster.replicas", here.replicas, cluster.replicas},
      {"failure.heartbeat_interval_ms", milliseconds(here.heartbeat_interval),
       milliseconds(cluster.heartbeat_interval)},
      {"failure.heartbeat_misses", here.heartbeat_misses, cluster.heartbeat_misses},
      {"failure.lease_ms", milliseconds(here.lease), milliseconds(cluster.lease)},
      {"failure.activation_grace_ms", milliseconds(here.activation_grace),
       milliseconds(cluster.activation_grace)},
      {"failure.hold_ms", milliseconds(here.hold), milliseconds(cluster.hold)},
  };
  for (const auto& row : rows) {
    if (row.here == row.cluster) continue;
    return std::string{row.key} + " is " + std::to_string(row.here) + " here and "
           + std::to_string(row.cluster) + " in the cluster";
  }
  if (here.domains != cluster.domains)
    return "cluster.replication_domains is " + to_text(here.domains) + " here and "
           + to_text(cluster.domains) + " in the cluster";
  return std::nullopt;
}

} // namespace holdfast::cluster
