// The cluster in Prometheus' text format.
#pragma once

#include "protocol/cluster/cluster_facts.hpp"
#include "protocol/cluster/inspection.hpp"

#include <string>
#include <vector>

namespace holdfast::runtime {

// `actors`: a picture of each node that answered.
[[nodiscard]] std::string metrics_text(const cluster::cluster_facts& c,
                                       const std::vector<cluster::picture>& actors);

} // namespace holdfast::runtime
