// One on every node: it knows the actors of its node and asks them what an operator wants to see.
// The one next to the console asks all nodes and puts the answers together.
//
//   console --inspect_everywhere--> inspector --inspect--> inspector of each node
//                                   --describe_yourself--> its own actors
//           <--pictures------------ <--inspect_reply, in parts--
//
// An actor that does not answer in time is shown as one that does not: that is news by itself. What
// the coordinator would say and does not is told from the view of this node, as far as that goes.
#pragma once

#include "actors/role.hpp"
#include "actors/world.hpp"
#include "protocol/cluster/inspection.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace holdfast::actors {

struct inspector_options {
  std::string name;         // of the node
  world* outside = nullptr; // outlives the inspector
};

// `done` is called once, within inspector::cluster_patience, in the inspector: with the pictures of
// the nodes that answered.
struct inspect_everywhere {
  cluster::inspect_query query;
  std::string node; // empty: all; what concerns the coordinator goes to it by itself
  std::function<void(const std::vector<cluster::picture>&)> done;
};

class inspector : public role_actor {
public:
  static constexpr duration node_patience{300ms};
  static constexpr duration cluster_patience{900ms};
  static constexpr duration tick_interval{100ms};
  // However many look: actors are asked for their figures at most twice a second.
  static constexpr duration sampling_interval{450ms};
  static constexpr std::size_t graveyard_max = 64;
  static constexpr std::size_t actors_max = 20'000;
  static constexpr std::size_t questions_max = 64;

  inspector(caf::actor_config& config, inspector_options options);

  caf::behavior make_behavior() override;
  const char* name() const override { return "inspector"; }

private:
  struct known_actor {
    caf::actor_addr who;
    std::string kind;
    instant since;
  };
  struct grave {
    cluster::obituary obituary;
    instant at;
  };
  using answer = std::function<void(cluster::picture)>;
  struct question { // to the actors of this node
    cluster::inspect_query query;
    std::set<std::uint64_t> missing;
    cluster::picture so_far;
    instant until;
    answer reply;
  };
  struct survey {                // of all nodes
    bool sampled = false;        // its result is for whoever asks soon after
    bool of_coordinator = false; // what the view tells stands in for an answer
    std::set<std::string> missing;
    std::map<std::string, cluster::picture> so_far;
    std::map<std::string, instant> answered_at; // what it says is as old as that
    instant until;
    std::vector<decltype(inspect_everywhere::done)> done;
  };

  void on_frame(const std::string& peer, cluster::frame_kind kind, std::string_view bytes) override;
  void on_link(const std::string& peer, bool up) override;
  void on_tick() override;
  void on_exit() override;
  std::string state_line() const override;

  void ask_here(const cluster::inspect_query& query, answer reply);
  [[nodiscard]] bool concerned(const cluster::inspect_query& query, std::uint64_t id,
                               const known_actor& a) const;
  void on_description(self_description& d);
  void finish(std::map<std::uint64_t, question>::iterator q);
  void name_parents(cluster::picture& p) const;
  void add_effort(cluster::picture& p) const;
  [[nodiscard]] std::uint64_t only(std::string_view kind) const;

  void on_survey(inspect_everywhere& wanted);
  void on_part(const std::string& node, std::uint64_t id, bool last, cluster::picture part);
  void finish(std::map<std::uint64_t, survey>::iterator s);
  void bury(actor_died& death);
  [[nodiscard]] std::set<std::string> nodes_for(const inspect_everywhere& wanted) const;

  inspector_options options_;
  std::map<std::uint64_t, known_actor> actors_;
  std::deque<grave> graveyard_;
  std::map<std::uint64_t, question> questions_;
  std::map<std::uint64_t, survey> surveys_;
  std::uint64_t next_ = 0;
  std::vector<cluster::picture> latest_; // of all actors everywhere
  instant latest_at_{};
};

} // namespace holdfast::actors

HOLDFAST_LOCAL_MESSAGE(inspect_everywhere)
