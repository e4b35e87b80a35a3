// The container of a node: it hosts the shards that the view gives it, keeps the copies of others,
// and is the one gate through which sessions speak. Nothing passes the gate without the lease of
// every replica's node (design, "Fences", b).
//
//   from peers    sip_in -> directory -> shard        commit -> replica_store -> ack
//   from shards   frames -> links                     emissions -> lease -> links to proxies
//   from the view who owns what: offered shards are activated, moved ones given up
#pragma once

#include "actors/role.hpp"
#include "actors/shard_messages.hpp"
#include "actors/world.hpp"
#include "protocol/cluster/admission.hpp"
#include "protocol/cluster/balance.hpp"
#include "protocol/cluster/directory.hpp"
#include "protocol/cluster/lease.hpp"
#include "protocol/cluster/recent_output.hpp"
#include "protocol/cluster/replication.hpp"
#include "protocol/core/timing_wheel.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::actors {

struct container_options {
  world* outside = nullptr;
  caf::actor hub;
  std::string name;
  std::uint64_t boot = 0;
  cluster::settings settings;
  cluster::balance_policy policy = cluster::balance_policy::least_work_left;
  cluster::load_limits limits{};
  std::shared_ptr<const session::environment> environment;
};

class container : public role_actor {
public:
  static constexpr duration tick_interval{10ms};
  static constexpr duration keepalive_interval{30ms}; // and of load figures
  static constexpr duration report_interval{50ms};
  static constexpr duration shard_tick_interval{100ms};
  static constexpr duration who_has_timeout{400ms}; // an activation fits in
  // How long a new owner waits for what a living predecessor has to leave; above
  // shard::parting_max.
  static constexpr duration release_patience{500ms};
  // A directory may have lost entries with its predecessor; so long it asks before it creates.
  static constexpr duration fresh_directory{5min};
  static constexpr std::size_t early_messages_max = 2'000; // per shard that is not active yet
  static constexpr std::size_t early_failures_max = 1'000; // as well
  static constexpr std::size_t stalled_emissions_max =
      20'000; // per shard; then nothing new is let in
  static constexpr std::size_t timed_messages_max = 4'096;
  static constexpr std::size_t pending_questions_max = 10'000;

  container(caf::actor_config& config, container_options options);

  caf::behavior make_behavior() override;
  const char* name() const override { return "container"; }

private:
  struct hosted {
    holdfast::epoch epoch;
    caf::actor actor;
    bool active = false;
    bool released = false;  // by the previous owner
    instant named_owner_at; // when the view told us
    instant started_at{};   // when we spawned it ourselves
    instant active_since;
    std::optional<instant> served_at; // its first message; for operators
    bool took_over = false;           // not empty at birth: the directory may have been lost
    bool told_keys = false;           // keys_ has all of its sessions
    std::deque<cluster::sip_in> early;
    std::deque<cluster::ask> early_questions;
    std::vector<cluster::send_failure> early_failures;
    std::deque<emission> stalled;
    sequence stalled_upto;
    std::vector<std::string> guards;
    std::vector<cluster::replica> replicas; // as the shard was told last
    shard_status status;
  };
  struct open_question {
    cluster::ask question;
    instant until;
  };
  struct search { // who_has under way
    shard_id home;
    std::string key;
    instant until;
    std::size_t answers_missing = 0;
    std::vector<cluster::sip_in> messages;
  };

  void on_exit() override;
  std::string state_line() const override;
  void on_view() override;
  void on_link(const std::string& peer, bool up) override;
  void on_frame(const std::string& peer, cluster::frame_kind kind, std::string_view bytes) override;
  void on_congestion(const std::string& peer, bool congested) override;
  void on_tick() override;

  // Ownership (container_shards.cpp).
  void on_offer(shard_offer& offer);
  void expect(shard_id id, const cluster::shard_entry& entry);
  void tell_replicas(hosted& h, const std::vector<cluster::replica>& next);
  void activate_if_fenced(shard_id id, hosted& h);
  [[nodiscard]] bool fence_passed(shard_id id, const hosted& h) const;
  [[nodiscard]] bool predecessor_lives(const cluster::shard_entry& entry) const;
  void give_up(shard_id id);
  void on_gone(const shard_gone& gone);
  void on_shard_down(const caf::down_msg& down);
  void on_release(const std::string& peer, const cluster::release& r);
  void start_overdue();
  void report();

  // Messages on their way in (container_routing.cpp).
  void on_sip(cluster::sip_in message, const std::string& from);
  void serve(cluster::sip_in message);
  void deliver(cluster::sip_in message);
  void look_up(cluster::sip_in message);
  void place(cluster::sip_in message);
  void ignore(const cluster::sip_in& message);
  void told_load(const std::string& peer, const cluster::load& told);
  void start_search(cluster::sip_in message);
  void on_who_has(const std::string& peer, const cluster::who_has& q);
  void on_who_has_reply(const cluster::who_has_reply& r);
  bool answer_later(const std::string& peer, const cluster::who_has& q); // false: too many wait
  void answer_those_who_wait();
  [[nodiscard]] bool knows_its_sessions() const;
  void wait_for_view(cluster::sip_in message, const std::string& from);
  [[nodiscard]] bool placed_by_a_former_directory(const cluster::sip_in& message,
                                                  const std::string& from) const;
  [[nodiscard]] std::optional<session_address> known_here(const std::string& key) const;
  void forget_keys_of(shard_id id);
  void finish_search(std::map<std::uint64_t, search>::iterator it);
  void forward(cluster::sip_in message, const std::string& owner);
  [[nodiscard]] std::optional<shard_id> shard_for_new_session();
  [[nodiscard]] cluster::load_figures own_load() const;

  // Questions between sessions (container_questions.cpp).
  void on_question(cluster::ask question, duration timeout);
  void pose(cluster::ask question);
  void on_ask(cluster::ask question);
  void on_answer(const cluster::answer& a);
  void send_answer(emit_answer answer);
  void give_answer(const session_address& to, std::uint64_t id, session::answered what);
  void expire_questions();

  // The gate (container_gate.cpp).
  void on_output(shard_output& output);
  void emit_stalled(shard_id id, hosted& h);
  void emit(emission e);
  void emit_sip_out(emit_sip out);
  void tell_of_lost_output(const std::string& dead_proxy);
  void tell_of_unsent();
  [[nodiscard]] bool has_proxy() const;
  void say_again(session_address from, std::string branch);
  void dealt_with(const receipt& of);
  [[nodiscard]] bool may_speak(const hosted& h) const;
  void send_keepalives();
  void tell_load();
  void flush_handled();

  [[nodiscard]] node_id self() const { return {options_.name, incarnation_}; }
  [[nodiscard]] const cluster::shard_entry* entry_of(shard_id id) const {
    return current_view().shard(id);
  }
  [[nodiscard]] bool owns(shard_id id) const;
  [[nodiscard]] hosted* active_shard(shard_id id);
  void on_failure(const cluster::send_failure& failure);
  void to_shard(shard_id id, caf::message what);

  container_options options_;
  holdfast::incarnation incarnation_;
  cluster::replica_store copies_;
  cluster::lease_holder holder_;
  cluster::lease_granter granter_;
  cluster::directory directory_;
  std::map<shard_id, hosted> hosted_;
  std::map<caf::actor_addr, shard_id> shard_actors_;
  std::map<shard_id, holdfast::epoch> releases_; // for which epoch; some come before their view
  timing_wheel<session_address> wheel_{10ms, 4096};

  cluster::balancer balancer_;
  cluster::load_gauge gauge_;
  // When messages that we were told of came, to know how long they took; others are not timed.
  std::map<std::pair<std::string, std::uint64_t>, instant> timed_;
  std::uint64_t overruns_ = 0;
  // Every session of our shards by its keys: what a directory that asks wants to know.
  std::map<std::string, session_address> keys_;
  std::map<std::uint64_t, search> searches_;
  std::map<std::string, std::uint64_t> searching_; // key -> search
  // Of a view we do not know yet, or while not knows_its_sessions(). Some are our own.
  std::vector<std::pair<std::string, cluster::who_has>> asked_early_;
  // Messages by a newer view than ours, and the node that sent each.
  std::vector<std::pair<cluster::sip_in, std::string>> ahead_;
  std::uint64_t next_search_ = 0;
  std::map<std::pair<session_address, std::uint64_t>, open_question> questions_;
  std::map<std::string, cluster::handled> handled_; // per proxy, collected until the end of a batch
  std::size_t next_proxy_ = 0;
  cluster::recent_output said_; // over streams
  static constexpr std::size_t unsent_max = 20'000;
  struct unsent {
    std::uint64_t number = 0; // in the order in which they were to be sent
    session_address from;
  };
  std::map<std::string, unsent> unsent_; // requests by branch, while there is no proxy
  std::uint64_t emissions_lost_ = 0;
  std::uint64_t early_dropped_ = 0;
  instant next_keepalive_{};
  instant next_report_{};
  instant next_shard_tick_{};
  instant next_expiry_{};
};

} // namespace holdfast::actors
