#include "runtime/node_identity.hpp"

namespace holdfast::runtime {

std::optional<cluster::role> role_of_name(std::string_view name) {
  const auto dash = name.rfind('-');
  if (dash == name.npos || dash + 1 == name.size()) return std::nullopt;
  for (const auto role : {cluster::role::coordinator, cluster::role::dispatcher,
                          cluster::role::proxy, cluster::role::container})
    if (name.substr(0, dash) == cluster::to_string(role)) return role;
  return std::nullopt;
}

} // namespace holdfast::runtime
