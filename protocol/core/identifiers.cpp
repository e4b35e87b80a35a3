#include "protocol/core/identifiers.hpp"

namespace holdfast {

std::string to_string(const node_id& node) {
  return node.name + "#" + std::to_string(node.incarnation.value);
}

} // namespace holdfast
