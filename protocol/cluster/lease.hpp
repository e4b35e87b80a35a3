// The lease by replication, fence (b): an owner emits anything only within L of *sending* the last
// keep-alive that every replica's node acked; a replica told to promote is silent towards the old
// owner first and then waits until L after its last ack (design, "Fences").
//
// L runs from sending on one clock and from acking on the other; sending came first, so the owner
// is always silent before the replica speaks, whatever the clocks say to each other.
#pragma once

#include "protocol/cluster/frames.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace holdfast::cluster {

// At the owner's node: until when may it speak, as far as each peer is concerned?
class lease_holder {
public:
  explicit lease_holder(duration lease) : lease_{lease} {}

  // A keep-alive with this tick goes to `peer` now.
  [[nodiscard]] std::uint64_t next_tick(const std::string& peer, instant now);
  void acked(const std::string& peer, std::uint64_t tick);
  // The peer is a new incarnation or gone: what its predecessor granted is void.
  void forget(const std::string& peer);

  [[nodiscard]] bool holds(const std::string& peer, instant now) const;

private:
  static constexpr std::size_t remembered_ticks = 64;
  struct sent {
    std::uint64_t tick;
    instant at;
  };
  struct peer_state {
    std::deque<sent> sent_ticks;
    instant until{instant::min()};
  };

  duration lease_;
  std::uint64_t tick_ = 0;
  std::map<std::string, peer_state> peers_;
};

// At the replica's node: whom do we still grant the right to speak?
class lease_granter {
public:
  explicit lease_granter(duration lease) : lease_{lease} {}

  // A shard was taken from `peer` in view `number`: no ack until it knows that view.
  void require_view(const std::string& peer, view_number number);

  // nullopt: no ack.
  [[nodiscard]] std::optional<keepalive_ack>
  on_keepalive(const std::string& peer, const keepalive& k, view_number our_view, instant now);

  // From here on, `peer` can not hold a lease from us unless we ack again.
  [[nodiscard]] instant silent_from(const std::string& peer) const;

private:
  struct peer_state {
    view_number required;
    instant last_ack{instant::min()};
  };

  duration lease_;
  std::map<std::string, peer_state> peers_;
};

} // namespace holdfast::cluster
