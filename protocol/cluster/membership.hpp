// Joins and incarnations: pure functions on the record that is about to be written (design, "Who
// does what": a restarted node is a new one, and a new incarnation is certain death of the old).
//
//   join of           member of that name            becomes
//   a new name        none                           a new member, incarnation 1
//   the same boot     alive                          the same member, its card brought up to date
//   the same boot     down (fenced), incarnation 0   a new incarnation
//   the same boot     down, old incarnation          nothing: it has to learn the view first
//   another boot      any                            a new incarnation; the old one is dead for
//   certain
#pragma once

#include "protocol/cluster/frames.hpp"
#include "protocol/cluster/ledger_record.hpp"
#include "protocol/cluster/view.hpp"

#include <optional>
#include <string>

namespace holdfast::cluster {

struct join_outcome {
  enum class kind {
    unchanged,  // it is a member already: it needs the view
    updated,    // the same incarnation with a new card
    admitted,   // a new incarnation
    must_learn, // fenced and does not know it: it needs the view, and joins again with incarnation
                // 0
    refused
  };
  kind what = kind::unchanged;
  std::string why;                 // refused
  std::optional<node_id> replaced; // admitted: the incarnation that is dead because of it
};

// Brings `record` up to date with `request`. Containers and coordinators are admitted `joining`,
// others `active`.
// The entry of a replaced incarnation is overwritten; its shards still name it, and are the
// caller's.
[[nodiscard]] join_outcome apply_join(ledger_record& record, const join& request);

// Error text for a join that can never succeed as it is; nullopt: fine.
[[nodiscard]] std::optional<std::string>
reason_to_refuse(const ledger_record& record, const join& request, const std::string& link_peer);

// nullptr: not a member, or another incarnation.
[[nodiscard]] member* find_member(view& v, const node_id& id);

// Containers that are alive, in the order of their names.
[[nodiscard]] std::vector<const member*> living_containers(const view& v);

} // namespace holdfast::cluster
