#include "protocol/cluster/view.hpp"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace holdfast::cluster {

std::string_view to_string(role r) {
  switch (r) {
  case role::coordinator:
    return "coordinator";
  case role::dispatcher:
    return "dispatcher";
  case role::proxy:
    return "proxy";
  case role::container:
    return "container";
  }
  return "unknown";
}

std::string_view to_string(member_state s) {
  switch (s) {
  case member_state::joining:
    return "joining";
  case member_state::bootstrapping:
    return "bootstrapping";
  case member_state::active:
    return "active";
  case member_state::draining:
    return "draining";
  case member_state::down:
    return "down";
  }
  return "unknown";
}

bool shard_entry::protected_by_replica() const {
  return std::any_of(replicas.begin(), replicas.end(), [](const replica& r) { return r.in_sync; });
}

const member* view::find(std::string_view name) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const member& m) { return m.card.name == name; });
  return found == members.end() ? nullptr : &*found;
}

const member* view::find(const node_id& id) const {
  const auto* found = find(id.name);
  return found != nullptr && found->incarnation == id.incarnation ? found : nullptr;
}

bool view::alive(const node_id& id) const {
  const auto* found = find(id);
  return found != nullptr && found->alive();
}

const shard_entry* view::shard(shard_id id) const {
  return id.value < shards.size() ? &shards[id.value] : nullptr;
}

std::size_t domain_of(const settings& s, shard_id shard) {
  return s.domains.empty() ? 0 : shard.value % s.domains.size();
}

std::optional<std::size_t> domain_of(const settings& s, std::string_view container) {
  if (s.domains.empty()) return 0;
  for (std::size_t i = 0; i < s.domains.size(); ++i) {
    const auto& names = s.domains[i].containers;
    if (std::find(names.begin(), names.end(), container) != names.end()) return i;
  }
  return std::nullopt;
}

shard_id home_shard(std::string_view directory_key, std::uint16_t shard_count) {
  const auto hash = XXH3_64bits(directory_key.data(), directory_key.size());
  return shard_id{static_cast<std::uint16_t>(hash % shard_count)};
}

} // namespace holdfast::cluster
