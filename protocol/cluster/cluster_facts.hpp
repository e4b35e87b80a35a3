// What the coordinator knows of the cluster, as operators see it: values that can travel, so that a
// console on any node shows the same. A node that does not reach the coordinator says what its own
// view holds.
#pragma once

#include "protocol/cluster/history.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::cluster {

// What `holdfast members` shows.
struct member_row {
  std::string name;
  role serves = role::container;
  member_state state = member_state::joining;
  holdfast::incarnation incarnation;
  std::int64_t pid = 0;
  bool linked = false;
  bool suspected = false;
  std::uint32_t shards_owned = 0;
  std::uint32_t replicas_held = 0; // shards, not sessions
  std::uint32_t sessions = 0;      // as last reported
  std::uint32_t work = 0;
};

// What `holdfast shards` shows.
struct shard_row {
  shard_id shard;
  holdfast::epoch epoch;
  node_id owner;
  std::vector<replica> replicas;
  std::uint32_t sessions = 0;
  std::uint32_t lag = 0;
  bool active = false;      // its owner reports this epoch
  bool unprotected = false; // no replica in sync that is alive
  bool moving = false;
  std::uint64_t audits = 0;  // comparisons of replica and owner, in this epoch
  std::uint64_t repairs = 0; // of replicas that differed: should stay 0
};

// One line of the cluster's history.
struct event_row {
  instant at{};
  bool alarm = false;
  std::string text;
};

struct cluster_facts {
  instant now{};            // on the clock that all instants in here are of
  std::string source;       // the node that says so
  bool coordinator = false; // it coordinates; else this is no more than a view
  std::string standing;     // the coordinator that does, as far as it knows
  std::string ledger_error; // empty: the ledger answers
  instant ledger_since{};   // of its first failure in a row
  view_number number;
  bool ready = false;
  std::string why_not_ready;
  std::uint64_t sessions_lost = 0;
  std::vector<member_row> members;
  std::vector<shard_row> shards;
  std::vector<event_row> events; // the latest
  std::vector<failover> failovers;
  std::vector<view_change> views; // only where they were asked for
};

inline constexpr std::size_t events_told_max = 200;
inline constexpr std::size_t failovers_told_max = 32;

// From the clock of the node that sent it to that of the node that got it now.
void rebase(cluster_facts& x, instant now);

// As far as a view tells.
[[nodiscard]] cluster_facts facts_of(const view& v, const std::string& source, instant now);

// Why a cluster with these members and shards is not ready, for people.
[[nodiscard]] std::string why_not_ready(const cluster_facts& x);

template <class F>
void describe(F& f, member_row& x) {
  f(1, x.name);
  f(2, x.serves);
  f(3, x.state);
  f(4, x.incarnation);
  f(5, x.pid);
  f(6, x.linked);
  f(7, x.suspected);
  f(8, x.shards_owned);
  f(9, x.replicas_held);
  f(10, x.sessions);
  f(11, x.work);
}
template <class F>
void describe(F& f, shard_row& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.owner);
  f(4, x.replicas);
  f(5, x.sessions);
  f(6, x.lag);
  f(7, x.active);
  f(8, x.unprotected);
  f(9, x.moving);
  f(10, x.audits);
  f(11, x.repairs);
}
template <class F>
void describe(F& f, event_row& x) {
  describe_instant(f, 1, x.at);
  f(2, x.alarm);
  f(3, x.text);
}
template <class F>
void describe(F& f, cluster_facts& x) {
  describe_instant(f, 1, x.now);
  f(2, x.source);
  f(3, x.coordinator);
  f(4, x.number);
  f(5, x.ready);
  f(6, x.why_not_ready);
  f(7, x.sessions_lost);
  f(8, x.members);
  f(9, x.shards);
  f(10, x.events);
  f(11, x.failovers);
  f(12, x.views);
  f(13, x.standing);
  f(14, x.ledger_error);
  describe_instant(f, 15, x.ledger_since);
}

} // namespace holdfast::cluster
