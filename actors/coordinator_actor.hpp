// The shell around cluster::coordinator: it carries facts in and orders out. Every decision is in
// the pure machine; so is the reason why each of them is safe.
#pragma once

#include "actors/role.hpp"
#include "actors/world.hpp"
#include "protocol/cluster/coordinator.hpp"
#include "protocol/cluster/history.hpp"

#include <deque>
#include <functional>
#include <map>
#include <string>

namespace holdfast::actors {

struct coordinator_options {
  world* outside = nullptr;
  caf::actor hub;
  std::string name;
  cluster::settings settings;
};

// One line of the cluster's history, for operators.
struct cluster_event {
  instant at;
  bool alarm = false;
  std::string text;
};

// Runs `look` inside the actor: it must be quick and must not keep the references.
struct inspect_cluster {
  std::function<void(const cluster::coordinator&, const std::deque<cluster_event>&)> look;
};

// An operator's command; `done` is called with whether it was accepted, and what happens now.
struct operate_cluster {
  cluster::control::operator_command command;
  std::function<void(bool, std::string)> done;
};

class coordinator_actor : public role_actor {
public:
  static constexpr std::size_t events_max = 1'000;

  coordinator_actor(caf::actor_config& config, coordinator_options options);

  caf::behavior make_behavior() override;
  const char* name() const override { return "coordinator"; }

private:
  void on_exit() override;
  void on_view() override;
  void on_link(const std::string& peer, bool up) override;
  void on_frame(const std::string& peer, cluster::frame_kind kind, std::string_view bytes) override;
  void on_tick() override;
  std::string state_line() const override;
  bool describe(const describe_yourself& question, cluster::picture& into) override;
  [[nodiscard]] cluster::cluster_facts facts(const cluster::inspect_query& query) const;
  void command(cluster::control::operator_command what,
               std::function<void(bool, std::string)> told);

  void lost_link(const std::string& peer);
  void feed(cluster::control::event what);
  void carry_out(const cluster::control::load_ledger& order);
  void carry_out(const cluster::control::write_ledger& order);
  void carry_out(const cluster::control::publish& order);
  void carry_out(const cluster::control::send_view& order);
  void carry_out(const cluster::control::refuse& order);
  void carry_out(const cluster::control::spawn& order);
  void carry_out(const cluster::control::kill& order);
  void carry_out(const cluster::control::pull_view& order);
  void carry_out(const cluster::control::operator_answer& order);
  void carry_out(const cluster::control::note& order);

  coordinator_options options_;
  cluster::coordinator machine_;
  std::deque<cluster_event> events_;
  cluster::history history_;
  std::map<std::uint64_t, std::function<void(bool, std::string)>> commands_;
  std::uint64_t next_command_ = 0;
  std::string pulled_from_;
};

} // namespace holdfast::actors

HOLDFAST_LOCAL_MESSAGE(inspect_cluster)
HOLDFAST_LOCAL_MESSAGE(operate_cluster)
