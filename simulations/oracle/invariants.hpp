// What must hold in every run, in SIP's own terms: one function each, with the rule it stands for.
// All of them hold for durability class `stable`, the one that the product has; where class
// `transaction` will promise more, the function says so.
//
// To add one: a function here, a line in all_invariants(), and a defect that only it can find
// (planted<...> somewhere in the product).
#pragma once

#include "simulations/oracle/evidence.hpp"

#include <string>
#include <vector>

namespace holdfast::simulations {

struct violation {
  std::string invariant; // "I7"
  std::string what;      // in one line: who, what, when
  unsigned call = 0;     // whose ladder tells it; 0: none
  instant at{};
};

using findings = std::vector<violation>;

struct invariant {
  std::string name;
  std::string rule;
  void (*judge)(const evidence&, findings&);
};

[[nodiscard]] const std::vector<invariant>& all_invariants();
// Of all of them, by time.
[[nodiscard]] findings judge(const evidence& e);

// ---- dialogs and transactions (invariants_sip.cpp)
void no_dialog_is_forgotten(const evidence& e, findings& out);
void one_final_response(const evidence& e, findings& out);
void one_upcall(const evidence& e, findings& out);
void success_until_ack(const evidence& e, findings& out);
void nothing_after_bye(const evidence& e, findings& out);
void cseq_increases(const evidence& e, findings& out);
void dialog_is_unchanged(const evidence& e, findings& out);
void timers_fire_once(const evidence& e, findings& out);
void cancel_is_decided(const evidence& e, findings& out);
void only_users_end_calls(const evidence& e, findings& out);
void call_is_whole(const evidence& e, findings& out);
void sessions_are_refreshed(const evidence& e, findings& out);

// ---- the cluster (invariants_cluster.cpp)
void nobody_ends_by_itself(const evidence& e, findings& out);
void one_owner_speaks(const evidence& e, findings& out);
void one_container_serves(const evidence& e, findings& out);
void drains_lose_nothing(const evidence& e, findings& out);
void forgery_has_no_effect(const evidence& e, findings& out);
void bindings_survive(const evidence& e, findings& out);
void subscriptions_survive(const evidence& e, findings& out);
void copies_are_restored(const evidence& e, findings& out);
void shards_are_balanced(const evidence& e, findings& out);
void overload_spares_calls(const evidence& e, findings& out);
void nothing_is_left(const evidence& e, findings& out);
void new_calls_succeed(const evidence& e, findings& out);
void report_is_true(const evidence& e, findings& out);

} // namespace holdfast::simulations
