// The directory of the home shards that a container owns: under which session an initial request
// was placed, so that its copies, its CANCEL and its ACK follow (design, "Shards, sessions,
// routing", "Without a token"). Bounded: the entry that was idle longest gives way.
#pragma once

#include "protocol/core/identifiers.hpp"
#include "protocol/core/time.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace holdfast::cluster {

class directory {
public:
  static constexpr std::size_t entries_max = 200'000;
  // Far beyond 64*T1 after the last transaction; sessions that end take their entry with them.
  static constexpr duration idle_max = 10min;

  [[nodiscard]] std::optional<session_address> find(const std::string& key, instant now);
  void place(shard_id home, const std::string& key, session_address where, instant now);
  void forget(const std::string& key);
  // The home shard went to another owner.
  void forget(shard_id home);
  void expire(instant now);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
  struct entry {
    shard_id home;
    session_address where;
    instant used;
  };
  using table = std::map<std::string, entry>;
  void erase(table::iterator it);

  table entries_;
  std::set<std::pair<instant, std::string>> by_use_;
};

} // namespace holdfast::cluster
