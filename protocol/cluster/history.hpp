// What has become of the cluster, for people: the views that were in force, and every failover step
// by step. Fed by the coordinator's actor with what it sees anyway; decides nothing.
//
//   detected (suspected, or known dead)  ->  decided (the view is in the ledger)  ->  spawned
//   ->  activated (the new owners report it)  ->  first message served
#pragma once

#include "protocol/cluster/frames.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::cluster {

// Who owned what, and held the first copy of it, at one time: compact, there are many of them.
struct ring_picture {
  std::vector<std::string> names;    // of the nodes below
  std::vector<std::uint16_t> owners; // by shard, index into names; none: nobody
  std::vector<std::uint16_t> copies; // likewise
  std::vector<std::uint64_t> epochs; // by shard
  std::vector<std::string> members;  // every node that was in
  std::vector<member_state> states;  // of them
  static constexpr std::uint16_t none = 0xffff;
};

struct view_change {
  instant at{};
  view_number number;
  std::vector<std::string> joined; // nodes, as name#incarnation
  std::vector<std::string> ended;
  std::vector<std::string> states;  // "container-1#2 active"
  std::uint32_t owners_changed = 0; // shards
  std::uint32_t replicas_changed = 0;
  ring_picture ring; // empty where it was not asked for
};

struct failover {
  struct shard_part {
    shard_id shard;
    holdfast::epoch epoch;
    node_id to;
    std::uint32_t sessions = 0; // at the old owner, as last reported
    std::optional<instant> activated;
    std::optional<instant> first_message;
  };
  std::uint64_t id = 0;
  node_id node;      // that was given up
  std::string cause; // the first sign of it
  instant detected{};
  instant decided{};
  view_number view;
  std::optional<instant> spawned;
  std::vector<shard_part> shards;

  [[nodiscard]] std::uint32_t sessions() const;
  // The last of its shards; empty while one is missing.
  [[nodiscard]] std::optional<instant> activated() const;
  [[nodiscard]] std::optional<instant> first_message() const; // the first of any
};

class history {
public:
  static constexpr std::size_t views_max = 256;
  static constexpr std::size_t failovers_max = 64;
  // A sign counts as the detection of a death that is decided within this time.
  static constexpr duration sign_memory{10s};

  // A sign that a node is in trouble: its process ended, it is suspected, it was ordered to be
  // killed. Only the first of a row counts.
  void on_sign(const std::string& node, std::string what, instant at);
  // A new view is in force.
  void on_view(const view& before, const view& now_valid, instant at);
  void on_spawned(const std::string& on, instant at);
  // A container reports what is active.
  void on_report(const node_id& from, const container_report& report, instant at);

  [[nodiscard]] const std::deque<view_change>& views() const { return views_; }
  [[nodiscard]] const std::deque<failover>& failovers() const { return failovers_; }
  [[nodiscard]] const view_change*
  view_at(view_number number) const; // nullptr: not kept (any more)

private:
  void note_failovers(const view& before, const view& now_valid, instant at);

  struct sign {
    std::string what;
    instant first{};
    instant last{};
  };
  std::map<std::string, sign> signs_;   // by name of node: bounded by the members of views
  std::vector<std::uint32_t> sessions_; // by shard, as last reported
  std::deque<view_change> views_;
  std::deque<failover> failovers_;
  std::uint64_t next_id_ = 0;
};

// An instant on the wire; it means something together with the sender's now (cluster_facts.hpp).
template <class F>
void describe_instant(F& f, std::uint64_t tag, instant& x) {
  auto since_epoch = x.time_since_epoch();
  f(tag, since_epoch);
  if (const instant read{since_epoch}; read != x) x = read; // a writer only reads
}
template <class F>
void describe_instant(F& f, std::uint64_t tag, std::optional<instant>& x) {
  auto since_epoch = x ? std::optional{x->time_since_epoch()} : std::nullopt;
  f(tag, since_epoch);
  if (since_epoch && (!x || x->time_since_epoch() != *since_epoch)) x = instant{*since_epoch};
}

template <class F>
void describe(F& f, ring_picture& x) {
  f(1, x.names);
  f(2, x.owners);
  f(3, x.copies);
  f(4, x.epochs);
  f(5, x.members);
  f(6, x.states);
}
template <class F>
void describe(F& f, view_change& x) {
  describe_instant(f, 1, x.at);
  f(2, x.number);
  f(3, x.joined);
  f(4, x.ended);
  f(5, x.states);
  f(6, x.owners_changed);
  f(7, x.replicas_changed);
  f(8, x.ring);
}
template <class F>
void describe(F& f, failover::shard_part& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.to);
  f(4, x.sessions);
  describe_instant(f, 5, x.activated);
  describe_instant(f, 6, x.first_message);
}
template <class F>
void describe(F& f, failover& x) {
  f(1, x.id);
  f(2, x.node);
  f(3, x.cause);
  describe_instant(f, 4, x.detected);
  describe_instant(f, 5, x.decided);
  f(6, x.view);
  describe_instant(f, 7, x.spawned);
  f(8, x.shards);
}

} // namespace holdfast::cluster
