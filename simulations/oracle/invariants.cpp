#include "simulations/oracle/invariants.hpp"

#include <algorithm>

namespace holdfast::simulations {

const std::vector<invariant>& all_invariants() {
  static const std::vector<invariant> all = {
      {"I0", "no node ends unless it was given up", nobody_ends_by_itself},
      {"I1", "a confirmed dialog with a copy is never forgotten", no_dialog_is_forgotten},
      {"I2", "one owner speaks for a shard in an epoch, epochs never decrease", one_owner_speaks},
      {"I3", "between epochs all messages of a dialog reach one container", one_container_serves},
      {"I4", "one class of final response per request, copies identical", one_final_response},
      {"I5", "copies of a request are one upcall", one_upcall},
      {"I6", "a 2xx repeats until its ACK or 64*T1, then BYE", success_until_ack},
      {"I7", "after 200 to BYE nothing but repetitions", nothing_after_bye},
      {"I8", "our CSeq strictly increases", cseq_increases},
      {"I9", "a failover changes nothing of a dialog", dialog_is_unchanged},
      {"I10", "each timer fires once and on time", timers_fire_once},
      {"I11", "a session is refreshed or ended by its deadline", sessions_are_refreshed},
      {"I12", "a CANCEL ends in one of 487 and 2xx, both ends agree", cancel_is_decided},
      {"I13", "bindings survive, and end when they should", bindings_survive},
      {"I14", "a forged token has no effect", forgery_has_no_effect},
      {"I15", "the cluster heals and has its copies again", copies_are_restored},
      {"I16", "shards are balanced", shards_are_balanced},
      {"I17", "under overload calls that stand come before new ones", overload_spares_calls},
      {"I18", "nothing is left at the end", nothing_is_left},
      {"I19", "new calls succeed after healing", new_calls_succeed},
      {"I20", "drains, moves and replacements lose nothing", drains_lose_nothing},
      {"I21", "what the cluster reports is true", report_is_true},
      {"I22", "a call is whole or none within 64*T1", call_is_whole},
      {"I23", "nobody but its users ends a call", only_users_end_calls},
      {"I24", "a subscription survives, and what it tells is in order", subscriptions_survive},
  };
  return all;
}

findings judge(const evidence& e) {
  findings found;
  for (const auto& each : all_invariants()) {
    const auto before = found.size();
    each.judge(e, found);
    for (auto i = before; i < found.size(); ++i) found[i].invariant = each.name;
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const violation& a, const violation& b) { return a.at < b.at; });
  return found;
}

} // namespace holdfast::simulations
