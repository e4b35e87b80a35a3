// The view: who is in the cluster and who owns what. Full and numbered; only the coordinator makes
// a new one, by compare-and-swap on the ledger (design, "Who does what", "Failure").
#pragma once

#include "protocol/core/codec.hpp"
#include "protocol/core/endpoint.hpp"
#include "protocol/core/identifiers.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cluster {

enum class role : std::uint8_t { coordinator = 1, dispatcher = 2, proxy = 3, container = 4 };
enum class member_state : std::uint8_t {
  joining = 1,
  bootstrapping = 2, // a container that receives replicas and owns nothing yet
  active = 3,
  draining = 4,
  down = 5
};

[[nodiscard]] std::string_view to_string(role r);
[[nodiscard]] std::string_view to_string(member_state s);

// What a node says of itself when it joins. Addresses are those its peers use.
struct node_card {
  std::string name;
  role serves = role::container;
  std::uint64_t boot = 0; // random; tells two processes of one name apart before they have joined
  std::int64_t pid = 0;
  bool supervised = false; // a launcher can kill it and vouch for its death
  endpoint links;          // TCP: authenticated links
  endpoint heartbeats;     // UDP
  endpoint datagrams;      // UDP, inside the cluster: dispatcher <-> proxy
  std::uint32_t weight = 1;
  endpoint streams; // TCP, of a proxy: where dispatchers relay connections to
  unknown_fields unknown;

  friend bool operator==(const node_card&, const node_card&) = default;
};

struct member {
  node_card card;
  holdfast::incarnation incarnation;
  member_state state = member_state::joining;
  unknown_fields unknown;

  [[nodiscard]] node_id id() const { return {card.name, incarnation}; }
  // Joined and not known to be dead.
  [[nodiscard]] bool alive() const { return state != member_state::down; }

  friend bool operator==(const member&, const member&) = default;
};

struct replica {
  node_id node;
  bool in_sync = false; // false: filling; it can not be promoted

  friend bool operator==(const replica&, const replica&) = default;
};

// How the previous owner of a shard is known not to speak any more (design, "Fences").
enum class fence : std::uint8_t {
  none = 0,          // the shard had no owner
  certain_death = 1, // its process is gone
  lease = 2          // wait until L after the last ack it got from us
};

struct shard_entry {
  holdfast::epoch epoch;         // 0: never owned
  node_id owner;                 // empty name: nobody
  std::vector<replica> replicas; // ordered; never holds the owner
  node_id previous_owner;        // of epoch - 1
  fence previous_fence = fence::none;
  unknown_fields unknown;

  [[nodiscard]] bool owned() const { return !owner.name.empty(); }
  [[nodiscard]] bool protected_by_replica() const;

  friend bool operator==(const shard_entry&, const shard_entry&) = default;
};

struct view {
  view_number number;              // 0: none seen yet
  std::vector<member> members;     // ordered by name; one entry a name, the latest incarnation
  std::vector<shard_entry> shards; // index = shard id
  std::uint64_t sessions_lost = 0; // with shards whose copies all died, since the ledger began
  unknown_fields unknown;

  [[nodiscard]] const member* find(std::string_view name) const;
  [[nodiscard]] const member* find(const node_id& id) const; // of exactly that incarnation
  [[nodiscard]] bool alive(const node_id& id) const;
  [[nodiscard]] const shard_entry* shard(shard_id id) const; // nullptr: no such shard

  friend bool operator==(const view&, const view&) = default;
};

// Containers, by name, that hold copies for one another (design, "Shards, sessions, routing").
struct replication_domain {
  std::vector<std::string> containers;

  friend bool operator==(const replication_domain&, const replication_domain&) = default;
};

// What operators may set for the whole cluster; lives in the ledger (design, "Who does what").
struct settings {
  std::uint16_t shard_count = 256;
  std::uint16_t replicas = 1;
  duration heartbeat_interval{50ms};
  std::uint32_t heartbeat_misses = 4;        // suspicion after that many
  duration lease{150ms};                     // L of fence (b)
  duration activation_grace{100ms};          // an owner named by a view starts by itself after that
  duration hold{2s};                         // how long a message waits for a shard that moves
  std::vector<replication_domain> domains{}; // empty: one of all containers
  unknown_fields unknown;

  friend bool operator==(const settings&, const settings&) = default;
};

// Of the entry at `index` of view::shards.
[[nodiscard]] constexpr shard_id id_of(std::size_t index) {
  return shard_id{static_cast<std::uint16_t>(index)};
}

// The domain that a shard belongs to: 0, 1, ... in turn.
[[nodiscard]] std::size_t domain_of(const settings& s, shard_id shard);
// nullopt: that container is in none of them.
[[nodiscard]] std::optional<std::size_t> domain_of(const settings& s, std::string_view container);

// The owner-to-be of a message without a token: hash of the directory key over the shards.
[[nodiscard]] shard_id home_shard(std::string_view directory_key, std::uint16_t shard_count);

template <class F>
void describe(F& f, node_card& x) {
  f(1, x.name);
  f(2, x.serves);
  f(3, x.boot);
  f(4, x.pid);
  f(5, x.supervised);
  f(6, x.links);
  f(7, x.heartbeats);
  f(8, x.datagrams);
  f(9, x.weight);
  f(10, x.streams);
  f(x.unknown);
}
template <class F>
void describe(F& f, member& x) {
  f(1, x.card);
  f(2, x.incarnation);
  f(3, x.state);
  f(x.unknown);
}
template <class F>
void describe(F& f, replica& x) {
  f(1, x.node);
  f(2, x.in_sync);
}
template <class F>
void describe(F& f, shard_entry& x) {
  f(1, x.epoch);
  f(2, x.owner);
  f(3, x.replicas);
  f(4, x.previous_owner);
  f(5, x.previous_fence);
  f(x.unknown);
}
template <class F>
void describe(F& f, view& x) {
  f(1, x.number);
  f(2, x.members);
  f(3, x.shards);
  f(4, x.sessions_lost);
  f(x.unknown);
}
template <class F>
void describe(F& f, replication_domain& x) {
  f(1, x.containers);
}
template <class F>
void describe(F& f, settings& x) {
  f(1, x.shard_count);
  f(2, x.replicas);
  f(3, x.heartbeat_interval);
  f(4, x.heartbeat_misses);
  f(5, x.lease);
  f(6, x.activation_grace);
  f(7, x.hold);
  f(8, x.domains);
  f(x.unknown);
}

} // namespace holdfast::cluster

namespace holdfast {

template <class F>
void describe(F& f, node_id& x) {
  f(1, x.name);
  f(2, x.incarnation);
}
template <class F>
void describe(F& f, session_address& x) {
  f(1, x.shard);
  f(2, x.session);
}
template <class F>
void describe(F& f, endpoint& x) {
  f(1, x.host);
  f(2, x.port);
}

} // namespace holdfast
