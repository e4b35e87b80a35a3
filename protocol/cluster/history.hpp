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

struct view_change {
  instant at{};
  view_number number;
  std::vector<std::string> joined; // nodes, as name#incarnation
  std::vector<std::string> ended;
  std::vector<std::string> states;  // "container-1#2 active"
  std::uint32_t owners_changed = 0; // shards
  std::uint32_t replicas_changed = 0;
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

private:
  void note_failovers(const view& before, const view& now_valid, instant at);

  struct sign {
    std::string what;
    instant first{};
    instant last{};
  };
  std::map<std::string, sign> signs_; // by name of node: bounded by the members of views
  std::vector<std::uint32_t> sessions_; // by shard, as last reported
  std::deque<view_change> views_;
  std::deque<failover> failovers_;
  std::uint64_t next_id_ = 0;
};

} // namespace holdfast::cluster
