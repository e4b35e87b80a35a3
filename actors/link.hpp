// One actor per peer node: everything between two nodes goes through their two link actors
// (design, "Links"). Frames are batched per wake-up; credit bounds, for each class of its own, how
// many batches the peer has not dealt with. Commits wait for credit, SIP beyond its bound is shed
// (and the roles are told to admit nothing new), acks need no credit.
//
//   hub A --dial--> hub B        link A --hello--> hub B, which makes link B
//   link A <--hello-- link B     from then on link A <--frames--> link B, each watching the other
#pragma once

#include "actors/messages.hpp"
#include "actors/observed.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace holdfast::actors {

// Which local actor takes which kind of frame; invalid handles: this node has no such role.
struct role_table {
  caf::actor hub;
  caf::actor coordinator;
  caf::actor dispatcher;
  caf::actor proxy;
  caf::actor container;
  caf::actor inspector; // every node has one

  [[nodiscard]] const caf::actor& of(cluster::frame_kind kind) const;
};

struct link_options {
  role_table roles;
  cluster::hello introduction; // what we say of ourselves
  std::string peer;            // empty: whoever answers (a coordinator known by address only)
  caf::actor remote;           // the remote hub when we dialed, else the remote link
  bool dialed = false;
};

// To the hub, once the peer has said who it is.
struct link_ready {
  caf::actor link;
  cluster::hello peer;
  caf::node_id node;
};
struct link_lost {
  caf::actor_addr link; // it may be on its way out because nobody holds it any more
  std::string peer;
};

class link : public observed_actor {
public:
  static constexpr std::uint32_t window_batches = 8;
  static constexpr std::size_t items_per_batch = 100;
  static constexpr std::size_t bytes_per_batch = 256 * 1024; // larger transfers hold up the others
  static constexpr std::size_t sip_queue_max = 10'000;
  static constexpr std::size_t sip_congested_at = 1'000;
  static constexpr duration hello_timeout{2s};

  link(caf::actor_config& config, link_options options);

  caf::behavior make_behavior() override;
  const char* name() const override { return "link"; }

private:
  struct lane { // one credit class
    std::deque<cluster::frame_item> queue;
    std::uint32_t credit = window_batches;
  };
  struct pending_batch { // received, not dealt with by every role it went to
    std::uint32_t roles_left = 0;
    std::array<bool, 4> classes{};
  };

  void on_exit() override;
  std::string label() const override { return options_.peer.empty() ? "" : "to " + options_.peer; }
  std::string state_line() const override;

  void say_hello();
  void on_new_roles(role_table roles);
  void on_frame(frame& f);
  void on_hello(const cluster::hello& h);
  void on_batch(const cluster::frame_batch& batch);
  void on_batch_done(std::uint32_t id);
  void on_credit(const cluster::credit_grant& grant);
  void queue_up(outgoing& item);
  void flush();
  void send_frame(cluster::frame_kind kind, std::string bytes);
  void note_congestion();

  link_options options_;
  bool up_ = false;
  bool flush_scheduled_ = false;
  bool congested_ = false;
  std::uint64_t shed_ = 0;
  std::array<lane, 4> lanes_; // by cluster::credit_class
  std::map<std::uint32_t, pending_batch> received_;
  std::uint32_t next_batch_ = 0;
};

} // namespace holdfast::actors

HOLDFAST_LOCAL_MESSAGE(role_table)
HOLDFAST_LOCAL_MESSAGE(link_ready)
HOLDFAST_LOCAL_MESSAGE(link_lost)
