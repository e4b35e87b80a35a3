// One plan of shard_control at work: a draft of the view and what is known beside it. The steps are
// called in the order of their declaration; each leaves the draft valid.
#pragma once

#include "protocol/cluster/placement.hpp"
#include "protocol/cluster/shard_control.hpp"
#include "protocol/cluster/shard_truth.hpp"
#include "protocol/cluster/view.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <vector>

namespace holdfast::cluster {

class shard_planner {
public:
  using moves = std::map<shard_id, move_under_way>;

  shard_planner(view& draft, const shard_facts& facts, const shard_truth& truth, moves& under_way);

  // Failure: shard_planner.cpp
  void mark_synced();
  void promote();            // what dead nodes owned, from in_sync replicas
  void remove_unreachable(); // replicas that are dead, or that hold their owner up
  void admit_containers();   // joining -> bootstrapping, or active when there is no one else
  void assign_lost();        // shards without any copy, and those that never had one
  void raise_epochs();       // above the highest any member knows
  void fill_missing();

  // Growing and shrinking: shard_moves.cpp
  void finish_moves();
  void drop_surplus();
  void begin_moves();
  void activate_filled(); // bootstrapping -> active

  [[nodiscard]] shard_news news();

private:
  void recount();
  [[nodiscard]] bool usable(const node_id& node) const; // alive and not gone
  [[nodiscard]] bool takes(const node_id& node) const;  // usable, no suspect, not draining
  // A domain's containers in that state; any_in leaves suspects out.
  [[nodiscard]] bool any_in(member_state state, std::size_t domain) const;
  [[nodiscard]] member* first_in(member_state state, std::size_t domain);
  void admit_containers(std::size_t domain);
  void assign_lost(std::size_t domain);
  void begin_moves(std::size_t domain);
  void activate_filled(std::size_t domain);
  [[nodiscard]] bool more_is_expected_by(const node_id& newcomer, std::size_t domain) const;
  [[nodiscard]] std::size_t domains() const;
  [[nodiscard]] bool of_domain(const node_id& node, std::size_t domain) const;
  [[nodiscard]] bool owns_anything(const node_id& node) const;
  [[nodiscard]] std::vector<candidate> owner_candidates(std::size_t domain) const;
  [[nodiscard]] std::vector<candidate> replica_candidates(std::size_t domain) const;
  [[nodiscard]] std::size_t in_sync_count(const shard_entry& entry) const;
  [[nodiscard]] bool add_filling(shard_entry& entry, const node_id& node);
  [[nodiscard]] bool add_some_filling(shard_id id, shard_entry& entry);
  void change(shard_entry& entry, const shard_entry& to);
  void change_owner(shard_id id, shard_entry& entry, const node_id& to, fence how);
  [[nodiscard]] bool still_possible(shard_id id, const move_under_way& move) const;
  [[nodiscard]] bool finish_owner_move(shard_id id, const move_under_way& move);
  [[nodiscard]] bool safe_without_old_owner(shard_id id, const node_id& to) const;
  [[nodiscard]] const replica* surplus(const shard_entry& entry) const;
  [[nodiscard]] std::vector<shard_entry> projected() const;
  [[nodiscard]] std::set<shard_id> movable(std::size_t domain) const;
  [[nodiscard]] bool begin(const shard_move& move, std::vector<shard_entry>& outcome,
                           load_table& load);

  view& draft_;
  const shard_facts& facts_;
  const shard_truth& truth_;
  moves& moves_;
  const std::vector<shard_entry> before_;
  load_table load_;
  std::map<node_id, std::size_t> fills_;
  std::size_t owner_moves_ = 0;
  shard_news news_;
};

} // namespace holdfast::cluster
