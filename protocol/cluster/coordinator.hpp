// The coordinator: membership, who owns which shard, failover decisions, epochs (design, "Who does
// what", "Failure", "Growing, shrinking"). A value with on(event, now) -> effects.
//
//   facts (joins, deaths, suspicions, reports) --> plan --write_ledger--> [ledger]
//                                                                            |
//   members <--publish, spawn-- ledger_result.written  <---------------------+
//
// Events only become facts. Whenever no write is outstanding, the facts and the record in the ledger
// together give the next record; if it differs it is written, and only when it is written does
// anybody hear of it. So one compare-and-swap is under way at a time, what arrives meanwhile is in
// the next one, and a lost race just starts again from what the ledger says.
#pragma once

#include "protocol/cluster/control.hpp"
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
#include <vector>

namespace holdfast::cluster {

inline constexpr duration coordinator_tick{25ms};    // how often the actor sends control::tick
inline constexpr duration formation_window{500ms};   // after the last container's first join
inline constexpr duration kill_retry{500ms};
inline constexpr duration kill_patience{2s};         // then the suspect is fenced by its lease
inline constexpr duration quiet_after_death{1s};     // before anything moves just to be even
inline constexpr duration supervised_rejoin{3s};     // for members of a loaded view
inline constexpr duration unsupervised_rejoin{10s};
inline constexpr duration sync_batch{20ms};          // in_sync news of that long go into one view
inline constexpr duration pull_patience{2s};
inline constexpr duration ledger_retry{200ms};
inline constexpr duration dead_pid_memory{10s};      // a join that was overtaken by its own death

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
};

class coordinator {
public:
  // `self`: the name of the node the coordinator lives in. `wanted` becomes the cluster's settings if
  // the ledger is empty; otherwise the ledger's are valid and a difference is noted.
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

  struct fencing {
    std::string why;
    instant since;
    std::optional<instant> killed; // when `kill` was last ordered
    bool by_lease = false;         // nobody supervises it, or the kill was never confirmed
    bool by_operator = false;
  };
  struct proposal {
    ledger_record next;
    shard_news news;
    std::vector<control::note> notes;
  };

  void adopt(ledger_record loaded);
  void accept_written();
  void announce(const view& before, const shard_news& news);
  void pull_newer_view();
  void propose_if_needed();
  void apply_joins(proposal& p);
  void apply_deaths(proposal& p);
  void apply_shards(proposal& p);
  void look_for_absent();
  void look_for_suspects();
  void fence_suspects();
  void begin_fencing(const member& who, std::string why);
  [[nodiscard]] bool may_fence(const member& who) const;
  [[nodiscard]] bool quiet() const;
  [[nodiscard]] std::set<node_id> dead_now() const;
  void certain_death(const node_id& who, std::string why);
  void command_kill(const control::operator_command& e);
  void command_drain(const control::operator_command& e, bool drain);
  void command_move(const control::operator_command& e);
  void answer(std::uint64_t id, bool accepted, std::string text);
  void say(bool alarm, std::string text);
  void respawn();

  std::string self_;
  settings wanted_;

  instant now_{};
  instant last_tick_{};
  bool ticked_ = false;
  control::effects out_; // of the event being handled

  // The ledger.
  bool loaded_ = false;
  bool loading_ = false;
  std::optional<instant> load_again_;
  instant loaded_at_{};
  ledger_record record_;
  std::optional<proposal> outstanding_;
  view_number published_;

  // Facts.
  std::map<std::string, join> joins_; // the last of each name, while its process is not known dead
  std::set<std::string> links_;
  std::map<std::string, control::process_ended> ended_; // with ended_at_: overtaken joins
  std::map<std::string, instant> ended_at_;
  std::map<node_id, std::string> dead_;                 // certain, with the cause
  std::set<node_id> absent_;                            // of a loaded view, not heard of yet
  std::map<node_id, fencing> fencing_;
  std::map<node_id, bool> draining_;                    // operator's wish, until it is in the view
  suspicions suspicions_;
  shard_control shards_;
  shard_truth truth_;
  epoch floor_;                                         // the highest any member reported
  std::optional<instant> last_container_join_;
  std::optional<instant> last_death_;
  std::optional<std::pair<std::string, instant>> pulling_;
};

} // namespace holdfast::cluster
