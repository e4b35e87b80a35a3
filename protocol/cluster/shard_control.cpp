#include "protocol/cluster/shard_control.hpp"

#include "protocol/cluster/shard_planner.hpp"

#include <algorithm>

namespace holdfast::cluster {

result<void> shard_control::request_move(const view& v, const settings& s, shard_id shard,
                                         const node_id& to) {
  const auto* entry = v.shard(shard);
  if (entry == nullptr) return fail("there is no such shard");
  const auto* target = v.find(to);
  if (target == nullptr || target->card.serves != role::container || !target->alive())
    return fail(to.name + " is no container of this cluster");
  if (target->state != member_state::active) return fail(to.name + " is not active");
  if (domain_of(s, to.name) != domain_of(s, shard))
    return fail(to.name + " is not of the replication domain of shard "
                + std::to_string(shard.value));
  if (!v.alive(entry->owner)) return fail("the shard has no owner at the moment");
  if (entry->owner == to) return fail(to.name + " owns it already");
  if (moves_.contains(shard)) return fail("the shard moves already");
  if (moves_.size() >= moves_under_way_max) return fail("too many shards are on the move");
  moves_.emplace(shard, move_under_way{entry->owner, to, true});
  return {};
}

shard_news shard_control::plan(view& draft, const shard_facts& facts, const shard_truth& truth) {
  shard_planner p{draft, facts, truth, moves_};
  p.mark_synced();
  p.promote();
  p.remove_unreachable();
  p.admit_containers();
  p.assign_lost();
  p.raise_epochs();
  p.fill_missing();
  p.finish_moves();
  p.drop_surplus();
  p.begin_moves();
  p.activate_filled();
  return p.news();
}

} // namespace holdfast::cluster
