#include "protocol/cluster/directory.hpp"

namespace holdfast::cluster {

std::optional<session_address> directory::find(const std::string& key, instant now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  by_use_.erase({found->second.used, key});
  found->second.used = now;
  by_use_.insert({now, key});
  return found->second.where;
}

void directory::place(shard_id home, const std::string& key, session_address where, instant now) {
  forget(key);
  if (entries_.size() >= entries_max) erase(entries_.find(by_use_.begin()->second));
  entries_.emplace(key, entry{home, where, now});
  by_use_.insert({now, key});
}

void directory::forget(const std::string& key) {
  const auto found = entries_.find(key);
  if (found != entries_.end()) erase(found);
}

void directory::forget(shard_id home) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    if (current->second.home == home) erase(current);
  }
}

void directory::expire(instant now) {
  while (!by_use_.empty() && now - by_use_.begin()->first > idle_max)
    erase(entries_.find(by_use_.begin()->second));
}

void directory::erase(table::iterator it) {
  by_use_.erase({it->second.used, it->first});
  entries_.erase(it);
}

} // namespace holdfast::cluster
