// The coordinator: membership, who owns which shard, failover decisions, epochs (design, "Who does
// what", "Failure", "Growing, shrinking"). A value with on(event, now) -> effects.
//
//   facts (joins, deaths, suspicions, reports) --> plan --write_ledger--> [ledger]
//                                                                            |
//   members <--publish, spawn-- ledger_result.written  <---------------------+
//
// Events only become facts. Whenever no write is outstanding, the facts and the record in the
// ledger together give the next record; if it differs it is written, and only when it is written
// does anybody hear of it. So one compare-and-swap is under way at a time, what arrives meanwhile
// is in the next one, and a lost race just starts again from what the ledger says.
//
// Of several coordinators one stands (candidacy.hpp). The others collect the same facts, follow the
// views of the one that stands, and decide nothing, until it is their turn to claim.
#pragma once

#include "protocol/cluster/candidacy.hpp"
#include "protocol/cluster/cluster_facts.hpp"
#include "protocol/cluster/control.hpp"
#include "protocol/cluster/failure_detector.hpp"
#include "protocol/cluster/ledger_record.hpp"
#include "protocol/cluster/membership.hpp"
#include "protocol/cluster/shard_control.hpp"
#include "protocol/cluster/shard_truth.hpp"
#include "protocol/cluster/suspicions.hpp"
#include "protocol/cluster/view.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::cluster {

inline constexpr duration coordinator_tick{25ms};  // how often the actor sends control::tick
inline constexpr duration formation_window{500ms}; // after the last container's first join
inline constexpr duration kill_retry{500ms};
inline constexpr duration kill_patience{2s};     // then the suspect is fenced by its lease
inline constexpr duration quiet_after_death{1s}; // before anything moves just to be even
inline constexpr duration supervised_rejoin{3s}; // for members of a loaded view
inline constexpr duration unsupervised_rejoin{10s};
inline constexpr duration sync_batch{20ms}; // in_sync news of that long go into one view
inline constexpr duration pull_patience{2s};
inline constexpr duration ledger_retry{200ms};
inline constexpr duration ledger_check{1s};     // whether it answers, and is still ours
inline constexpr duration dead_pid_memory{10s}; // a join that was overtaken by its own death

// How the ledger answers, as far as is known.
struct ledger_health {
  std::string error; // empty: it answers
  instant since{};   // of the first failure in a row
};

class coordinator {
public:
  // `self`: the name of the node the coordinator lives in. `wanted` becomes the cluster's settings
  // if the ledger is empty; otherwise the ledger's are valid and a difference is noted.
  coordinator(std::string self, settings wanted);

  // The first call (a tick) orders load_ledger. Effects are to be carried out in order.
  [[nodiscard]] control::effects on(const control::event& what, instant now);

  // The view in force: the last one known to be in the ledger. Number 0: none yet.
  [[nodiscard]] const view& current() const { return record_.now_valid; }
  [[nodiscard]] const settings& cluster_settings() const { return record_.cluster_settings; }

  [[nodiscard]] std::vector<member_row> members() const;
  [[nodiscard]] std::vector<shard_row> shards() const;
  // Every shard is owned, reported active, and has all the live replicas in sync it can have.
  [[nodiscard]] bool ready() const;
  // This one decides; and whoever does by the newest view known here (empty name: nobody).
  [[nodiscard]] bool stands() const { return candidacy_.stands(); }
  [[nodiscard]] node_id standing() const { return candidacy_.standing(); }
  [[nodiscard]] const ledger_health& ledger() const { return ledger_health_; }

private:
  // One handler an event.
  void handle(const control::ledger_state& e);
  void handle(const control::ledger_result& e);
  void handle(const control::joined& e);
  void handle(const control::link_up& e);
  void handle(const control::link_lost& e);
  void handle(const control::peer_suspicion& e);
  void handle(const control::process_ended& e);
  void handle(const control::kill_impossible& e);
  void handle(const control::reported& e);
  void handle(const control::spawn_result& e);
  void handle(const control::view_offered& e);
  void handle(const control::operator_command& e);
  void handle(const control::tick& e);

  // Why, and since when: how long a decision took is said together with it.
  struct cause {
    std::string why;
    instant since;
  };
  struct fencing {
    std::string why;
    instant since;
    instant killed;        // when `kill` was last ordered
    bool by_lease = false; // nobody supervises it, or its death was never confirmed
    bool wanted = false;   // an operator asked for it: being heard again does not call it off
  };
  struct proposal {
    ledger_record next;
    std::map<node_id, fence> gone;
    shard_news news;
    std::vector<std::string> causes;
    instant since;   // of the earliest cause
    instant ordered; // when the ledger got it
  };
  // Where the time of the latest promotions went.
  struct takeover {
    instant since;
    instant ordered;
    instant written;
  };

  // coordinator_standing.cpp: who coordinates
  void consider_standing();
  void claim();
  void stand_by();
  void follow(const view& newest);
  void appoint(proposal& p);
  void note_ledger(const std::string& error);
  [[nodiscard]] bool decides() const { return stands() || claiming_; }
  [[nodiscard]] bool another_stands() const;

  // coordinator.cpp: events, the ledger
  void order_load();
  void adopt(ledger_record loaded);
  bool take_newer(const view& known, ledger_record& into);
  void start_watching();
  void accept_written();
  void announce(const view& before);
  void forget_settled();
  void review(const join& request);
  void came_back(const node_id& who);
  void wake_up_late();
  void note_ready();
  void note_drained();
  [[nodiscard]] bool linked(const std::string& name) const;
  void say(bool alarm, std::string text);

  // coordinator_plan.cpp: the next record
  void propose_if_needed();
  [[nodiscard]] bool wait_for_newer_view();
  void apply_joins(proposal& p);
  void apply_wishes(proposal& p);
  void apply_deaths(proposal& p);
  void apply_death(proposal& p, const node_id& who, const cause& c, fence how);
  void apply_shards(proposal& p);
  void note_states(proposal& p);
  [[nodiscard]] shard_facts facts_for(const proposal& p);
  [[nodiscard]] bool quiet() const;
  void tell(const proposal& p);

  // coordinator_fencing.cpp: whom to stop
  void look_for_dead();
  void look_for_suspects();
  void give_a_full_window();
  [[nodiscard]] bool note_isolation(); // true: it hears nobody
  void look_for_absent();
  void fence_if_allowed(const member& who, const std::string& why);
  void pursue_fencing();
  void begin_fencing(const member& who, std::string why, bool wanted);
  [[nodiscard]] bool may_fence(const member& who) const;
  void certain_death(const node_id& who, std::string why);

  // coordinator_operator.cpp
  void answer(std::uint64_t id, bool accepted, std::string text);

  std::string self_;
  settings wanted_;

  instant now_{};
  instant last_tick_{};
  bool ticked_ = false;
  bool isolated_ = false;
  control::effects out_; // of the event being handled

  // Who coordinates.
  candidacy candidacy_;
  bool claiming_ = false;     // by the write that is under way or comes next
  std::string standing_said_; // whom we last said we stand by
  std::optional<cause> claimed_;

  // The ledger.
  bool started_ = false; // it was read once
  instant checked_{};    // when it was last asked
  ledger_health ledger_health_;
  bool loaded_ = false;
  bool loading_ = false;
  bool must_write_ = false; // what is in force is not in the ledger: it was lost
  instant load_again_{};
  instant watching_since_{}; // members of a loaded view have from then on to come back
  ledger_record record_;
  std::optional<proposal> outstanding_;

  // Facts.
  std::map<std::string, join> joins_; // the last of each name, while its process is not known dead
  std::set<std::string> links_;
  std::map<std::string, std::pair<std::int64_t, instant>> ended_; // last pid of a name, and when
  std::map<node_id, cause> dead_;                                 // for certain, until in the view
  std::map<node_id, fencing> fencing_;
  std::set<node_id> absent_;             // of a loaded view, not heard of yet
  std::set<node_id> spared_;             // suspects that may not be fenced; said once
  std::map<node_id, bool> drain_wishes_; // until they are in the view
  suspicions suspicions_;
  shard_control shards_;
  shard_truth truth_;
  epoch floor_; // the highest any member reported
  instant last_container_join_{instant::min()};
  instant last_death_{instant::min()};
  std::optional<instant> sync_since_; // the oldest news of a synced replica that is not written
  std::optional<std::pair<std::string, instant>> pulling_;
  std::optional<instant> not_ready_since_;
  std::optional<instant> inactive_since_;
  std::optional<takeover> takeover_; // until every shard is active again
  struct draining {
    instant since;
    bool done = false; // and said so
  };
  std::map<node_id, draining> drains_;
};

} // namespace holdfast::cluster
