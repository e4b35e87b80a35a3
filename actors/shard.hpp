// One shard of sessions on the node that owns it: unit of routing, failover and migration (design,
// "Shards, sessions, routing"). It supervises its session actors and sees to it that nothing leaves
// before it is held twice; the container decides whether this node may speak at all.
//
//   remote spawn --> offers itself to the container of its node --> activated with the records of
//   the replica --> arms every timer at once, repeats the outbox --> serves
//
// A session has an actor while anything is in progress. One that is idle *rests* as its committed
// record, with its timer armed here, and wakes with the next message or shortly before that timer
// (shard_resting.cpp); so a takeover costs a call that nobody touches next to nothing.
#pragma once

#include "actors/observed.hpp"
#include "actors/shard_messages.hpp"
#include "actors/world.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast::actors {

class shard : public observed_actor {
public:
  // A session that ended by an exception this often is quarantined (design, "Failure", 1). The
  // count is in the record and follows the session; a minute of peace forgives.
  static constexpr std::uint32_t restarts_max = 3;
  static constexpr duration restart_memory{60s};
  // Inputs of one session that wait for its actor; beyond that the client has to repeat.
  static constexpr std::size_t unfinished_max = 256;
  // After that a shard that moves is gone, whatever its new owner does not know yet.
  static constexpr duration parting_max{400ms};
  // Of a traced session: the latest messages, each up to so many bytes.
  static constexpr std::size_t trace_max = 40;
  static constexpr std::size_t trace_bytes_max = 4'000;

  // A session that rests wakes so long before it has something to do by itself.
  static constexpr duration wake_before{200ms};

  // What CAF remote spawn calls: `start` holds an encoded cluster::shard_start.
  shard(caf::actor_config& config, const frame& start);

  caf::behavior make_behavior() override;
  const char* name() const override { return "shard"; }

private:
  // What a session costs so that it can be looked at: some hundred bytes, and the full text of its
  // messages only while it is traced.
  struct view_of_operators {
    std::string application;
    session::summary about;
    instant since;
    std::uint32_t inputs = 0; // delivered
    std::uint32_t steps = 0;  // done
    std::uint32_t dialogs = 0;
    cluster::session_sightings sip;
    cluster::step_ring recent;
    struct text {
      instant at;
      bool in = true;
      std::string bytes;
    };
    std::unique_ptr<std::deque<text>> trace;
  };
  struct slot {
    caf::actor actor;                      // nullptr: it rests
    std::vector<session_input> unfinished; // delivered, no step yet: repeated after a restart
    instant waiting_since{};               // the oldest of them
    std::uint32_t restarts = 0;
    std::optional<instant> last_restart;
    bool quarantined = false;
    bool stable = false;
    bool half = false;              // it began with a 2xx that nobody knew: is_half_a_call()
    bool ending = false;            // removed; gone once that is held
    bool changed = false;           // since its last commit, in a way that needed none
    sequence committed;             // its latest commit
    std::uint32_t transactions = 0; // open
    std::uint32_t work = 0;
    std::uint64_t generation = 0; // of its deadline
    std::optional<instant> deadline;
    std::vector<std::string> keys;
    std::vector<cluster::outbox_entry> unsaid; // while the shard parts: its successor says it
    view_of_operators seen;
  };
  struct parting {
    std::string successor; // the node that owns the shard now
    instant since;
    std::set<session_id> missing; // whose last snapshot has not come
  };
  struct waiting {
    sequence after;
    std::vector<emission> emissions;
    std::optional<session_id> ended;
  };

  void on_exit() override;
  caf::behavior active();

  // For operators (shard_inspection.cpp).
  std::string label() const override;
  std::string state_line() const override;
  bool describe(const describe_yourself& question, cluster::picture& into) override;
  [[nodiscard]] cluster::session_row row_of(session_id id, const slot& s) const;
  [[nodiscard]] cluster::actor_row actor_row_of(const slot& s) const;
  [[nodiscard]] std::vector<cluster::message_row> messages_of(const slot& s) const;
  void list_sessions(const cluster::inspect_query& query, cluster::picture& into);
  [[nodiscard]] std::int64_t rank_of(const slot& s, cluster::session_order order) const;
  void note_sip(slot& s, bool in, const endpoint& agent, std::string_view bytes, instant at);
  void note_step(slot& s, const session_input& input, const session_step& step);
  void note_death(session_id id, const slot& s, const caf::error& reason) const;

  void activate(shard_activate& with);
  void restore(cluster::session_record& record, bool resend_outbox);
  void on_message(cluster::sip_in& message);
  void on_ask(cluster::ask& question);
  void on_due(const shard_due& due);
  void on_frame(const shard_frame& f);
  void on_step(session_step& step);
  void on_session_down(const caf::down_msg& down);

  // shard_resting.cpp
  void start_session(session_id id, slot& s);
  void spawn_actor(session_id id, slot& s, std::optional<std::string> snapshot, duration age);
  void spawn_from_record(session_id id, slot& s);
  void arm_alarm(session_id id, slot& s);
  void rest(session_id id, slot& s);
  void dismiss(slot& s);
  void get_acquainted(session_id id, slot& s);

  void deliver(session_id id, slot& s, session_input input);
  void orphan(const cluster::sip_in& message);
  void commit_step(session_step& step, slot& s, std::vector<cluster::outbox_entry> outbox,
                   std::vector<emission> dependent, bool ended);
  void wait_for(sequence commit, std::vector<emission> emissions);
  void remember_keys(session_id id, slot& s, std::vector<std::string> keys);
  void arm(session_id id, slot& s, std::optional<instant> deadline);
  void part(const std::string& successor); // shard_parting.cpp
  void on_parted(session_step& step, slot& s);
  void conclude_if_parted();
  void bury(session_id id);
  void forget(session_id id);
  void release_held();
  void report_status();
  void flush(); // everything collected during one message goes to the container in one output

  [[nodiscard]] emit_sip to_emission(const cluster::outbox_entry& out, session_id from) const;

  cluster::shard_start start_;
  cluster::commit_log log_;
  caf::actor container_;
  world* outside_ = nullptr;
  std::shared_ptr<const session::environment> environment_;

  std::map<session_id, slot> sessions_;
  std::map<caf::actor_addr, session_id> actors_;
  std::map<std::string, session_id> by_key_;
  std::deque<waiting> waiting_; // by sequence
  sequence left_;               // everything that waited for commits up to here has left the node
  shard_output output_;
  cluster::load_figures load_;
  std::optional<parting> parting_;
  std::uint64_t generation_ = 0;
  std::uint32_t restarts_ = 0;
  std::uint32_t quarantined_ = 0;
};

} // namespace holdfast::actors
