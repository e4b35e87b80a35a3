// What is true of the shards by report, as against what the view orders (design, "Failure" 3: the
// view is the order, remote spawn is its execution; what is missing is respawned).
#pragma once

#include "protocol/cluster/control.hpp"
#include "protocol/cluster/frames.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace holdfast::cluster {

inline constexpr duration respawn_interval{200ms}; // for one shard

class shard_truth {
public:
  void on_report(const node_id& from, container_report report);
  // `after` is in force; what it orders anew is expected to become active from now on.
  void on_view(const view& before, const view& after, instant now);
  // The ledger was read: nothing is known of how old its orders are.
  void on_start(const view& loaded, instant now);
  void forget(const node_id& who);
  // Not spawned: no use in waiting for it.
  void spawn_failed(shard_id shard);

  // Replicas that are in sync by their owner's report and not yet by the view.
  [[nodiscard]] std::vector<std::pair<shard_id, node_id>> synced(const view& v) const;
  // Orders that were not carried out in time, by node; they count as given now.
  [[nodiscard]] std::map<node_id, std::vector<control::shard_order>>
  overdue(const view& v, duration grace, instant now);

  [[nodiscard]] bool active(const view& v, shard_id shard) const;
  // What the owner says of the epoch that is in force; nullptr: nothing yet.
  [[nodiscard]] const shard_activity* activity(const view& v, shard_id shard) const;
  [[nodiscard]] std::uint32_t sessions(shard_id shard) const; // last reported by any owner
  [[nodiscard]] std::uint32_t lag(const view& v, shard_id shard) const;
  [[nodiscard]] const container_report* report_of(const node_id& who) const;

private:
  struct order {
    instant given{};
    std::optional<instant> repeated;
    bool failed = false;
    view_number shape; // since when owner, epoch and set of replicas are what they are
  };
  struct count {
    epoch of; // an owner of an older epoch is not believed any more
    std::uint32_t sessions = 0;
  };

  std::map<node_id, container_report> reports_;
  std::map<node_id, std::map<shard_id, shard_activity>> activities_;
  std::map<shard_id, count> sessions_;
  std::map<shard_id, order> orders_;
};

} // namespace holdfast::cluster
