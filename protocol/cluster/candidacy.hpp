// Which of several coordinators coordinates, and when another one takes over (design, "Who does
// what": they watch each other by heartbeat and take over by compare-and-swap).
//
//   the newest view names ...                                  and this one
//   this process                                               coordinates
//   nobody                                                     claims, when it is its turn
//   our own name, of another process                           claims: that was its predecessor
//   another, which is down or whose process has ended          claims, when it is its turn
//   another, whose heartbeats stopped                          claims, when it is its turn
//   another, and we are no member: nobody lets us in           claims after `unheard_patience`
//   our own name, of a process that came after us              never again: it was taken over
//
// A claim is a compare-and-swap on the ledger and nothing else. Two that claim at once, one that
// claims by mistake, and one that was taken over and does not know: each finds that out by its next
// write, and only what was written counts. Hence time decides only who tries; being wrong is
// harmless.
//
// In a view, the one active coordinator is the one that coordinates; the others are `joining`.
#pragma once

#include "protocol/cluster/view.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::cluster {

// Between two that could both claim, by name.
inline constexpr duration claim_turn{100ms};
// One that coordinates by the ledger, but lets nobody in.
inline constexpr duration unheard_patience{1s};
// For each time of late that one was taken over which still lived: two that do not hear each other
// must not take turns.
inline constexpr duration quarrel_patience{2s};
inline constexpr duration quarrel_patience_max{20s};
inline constexpr duration quarrel_memory{60s};

// The coordinator of a view; nullptr: it has none.
[[nodiscard]] const member* coordinator_of(const view& v);
// 2 of "coordinator-2"; 1 of a name without a number.
[[nodiscard]] std::uint32_t number_of_name(std::string_view name);

class candidacy {
public:
  // `self`: the name of our node.
  explicit candidacy(std::string self) : self_{std::move(self)} {}

  // ---- facts
  void on_own_boot(std::uint64_t boot) { boot_ = boot; } // of this very process
  void on_view(const view& newest, instant now);
  void on_suspicion(const node_id& of, bool suspected, instant now);   // by our own heartbeat unit
  void on_end(const std::string& name, std::int64_t pid, instant now); // of a process, certainly
  void on_late_tick(instant now); // we did not run for a while: suspicions begin anew

  // ---- what follows
  [[nodiscard]] bool stands() const; // the view names this process
  // Whether to try now. `stands()` and this are never both true.
  [[nodiscard]] bool may_claim(instant now) const;
  [[nodiscard]] bool suspects(const node_id& who) const { return suspected_.contains(who); }
  [[nodiscard]] bool superseded() const { return superseded_; }
  // Whom the view names; empty name: nobody.
  [[nodiscard]] node_id standing() const { return standing_.id(); }
  // Why a claim would be right, for the operator, and since when it is.
  [[nodiscard]] std::string why() const;
  [[nodiscard]] instant since() const;

private:
  [[nodiscard]] duration turn() const;
  [[nodiscard]] duration quarrel(instant now) const;
  [[nodiscard]] bool gone() const; // the one that stands, for certain
  [[nodiscard]] bool predecessor() const;

  std::string self_;
  std::uint64_t boot_ = 0; // 0: our own join is not known yet
  bool known_ = false;     // a view, or that there is none, came
  bool superseded_ = false;
  bool let_in_ = false;                   // the view has this very process
  member standing_;                       // empty name: nobody
  std::map<std::string, node_id> rivals_; // other coordinators of the view that are alive
  instant since_{};                       // standing_ is what it is
  holdfast::incarnation incarnation_;     // of this very process, once it had one
  std::map<node_id, instant> suspected_;
  std::map<std::string, std::pair<std::int64_t, instant>> ended_; // last pid of a name, and when
  std::deque<instant> quarrels_; // when one that lived was taken over
};

} // namespace holdfast::cluster
