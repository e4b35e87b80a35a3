// What the ledger holds: the settings of the whole cluster, the view, and how many incarnations
// each name has had (design, "Who does what").
#pragma once

#include "protocol/cluster/view.hpp"
#include "protocol/core/codec.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace holdfast::cluster {

struct ledger_record {
  // The ledger's own count of writes. It parts from the view's number when a ledger was lost and
  // the members brought the view back.
  std::uint64_t number = 0;
  settings cluster_settings;
  view now_valid;
  std::map<std::string, incarnation> incarnations; // last given, by name
  unknown_fields unknown;

  friend bool operator==(const ledger_record&, const ledger_record&) = default;
};

template <class F>
void describe(F& f, ledger_record& x) {
  f(1, x.number);
  f(2, x.cluster_settings);
  f(3, x.now_valid);
  f(4, x.incarnations);
  f(x.unknown);
}

// The key in which a node's settings differ from the ledger's, as its configuration file calls it,
// with both values: "cluster.shards is 64 here and 256 in the cluster"; nullopt: they agree.
[[nodiscard]] std::optional<std::string> difference(const settings& here, const settings& cluster);

} // namespace holdfast::cluster
