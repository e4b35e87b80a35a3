// Who a node is: what the launcher, the command line and the node itself agree on.
#pragma once

#include "protocol/cluster/view.hpp"
#include "protocol/core/endpoint.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::runtime {

struct node_identity {
  std::string name; // "container-1"
  cluster::role serves = cluster::role::container;
  int control_fd = -1; // the socketpair to the launcher (process_channel.hpp); -1: not supervised
  std::optional<endpoint> console{}; // of its own; the coordinator has one in any case
};

// The role in front of the last dash: "container-1" is a container.
[[nodiscard]] std::optional<cluster::role> role_of_name(std::string_view name);

// A node that ends with this will end so again: its configuration is wrong, or an address it needs
// is taken (EX_CONFIG of sysexits.h). The launcher does not restart it.
inline constexpr int exit_misconfigured = 78;

} // namespace holdfast::runtime
