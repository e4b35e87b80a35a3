// What the coordinator hears and what it wants done: the whole vocabulary between the pure
// coordinator (coordinator.hpp) and the actor around it. Events are facts, effects are orders; an
// actor turns one into the other's answer and decides nothing.
//
//   load_ledger   -> ledger_state            kill      -> process_ended, or kill_impossible
//   write_ledger  -> ledger_result           spawn     -> spawn_result (each shard), later reported
//   pull_view     -> view_offered            operator_command -> operator_answer
#pragma once

#include "protocol/cluster/frames.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/identifiers.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace holdfast::cluster::control {

// ---- events ------------------------------------------------------------------------------------

// Answer to load_ledger. `bytes` absent and no error: nothing was ever written.
struct ledger_state {
  std::optional<std::string> bytes;
  std::string error; // not empty: could not be read
};

// Answer to write_ledger; exactly one for each. Not written and reloading shows why.
struct ledger_result {
  std::uint64_t number = 0;
  bool written = false;
  std::string error;
};

// A node asked to be let in, or says it is still here. The coordinator's own node joins the same
// way.
struct joined {
  join request;
  std::string link_peer; // the name its link proved; must be the card's
};

// Hints only: nothing moves because of them.
struct link_up {
  std::string name;
};
struct link_lost {
  std::string name;
};

struct peer_suspicion {
  std::string observer; // name of the node that says so; empty: our own detector
  node_id of;
  bool suspected = true; // false: heard again
};

// Certain: the launcher reaped it. Also sent in answer to `kill` when it was gone already.
struct process_ended {
  std::string name;
  std::int64_t pid = 0;
};

// Nobody supervises that process (any more): only its lease can fence it.
struct kill_impossible {
  std::string name;
  std::int64_t pid = 0;
};

struct reported {
  node_id from;
  container_report report;
};

struct spawn_result {
  shard_id shard;
  holdfast::epoch epoch;
  bool ok = false; // false: tried again soon; the truth comes with reports
};

// Answer to pull_view.
struct view_offered {
  std::string from;
  view now_valid;
};

enum class operator_verb : std::uint8_t { kill = 1, drain = 2, undrain = 3, move = 4 };
struct operator_command {
  std::uint64_t id = 0; // comes back in operator_answer
  operator_verb verb = operator_verb::drain;
  std::string node;
  shard_id shard; // move only
};

// Regularly, every tick_interval; timers and retries hang on it.
struct tick {};

using event = std::variant<ledger_state, ledger_result, joined, link_up, link_lost, peer_suspicion,
                           process_ended, kill_impossible, reported, spawn_result, view_offered,
                           operator_command, tick>;

// ---- effects -----------------------------------------------------------------------------------

struct load_ledger {};

// Never two at a time. `number` is the ledger's own: 1 for an empty ledger, then one more each
// time.
struct write_ledger {
  std::uint64_t number = 0;
  std::string bytes;
};

// In the ledger for certain: to every node that has a link, and to this node's own actors.
struct publish {
  view now_valid;
};

// The current view (coordinator::current()), to one that may not have it.
struct send_view {
  std::string to;
};

struct refuse {
  std::string to;
  std::string why; // join_refused
};

struct shard_order {
  shard_id shard;
  holdfast::epoch epoch;

  friend auto operator<=>(const shard_order&, const shard_order&) = default;
};
// Remote spawn with the current view; idempotent by (shard, epoch), always after its publish.
struct spawn {
  node_id on;
  std::vector<shard_order> shards;
};

// SIGKILL by the launcher. Repeated until process_ended or kill_impossible comes.
struct kill {
  std::string name;
  std::int64_t pid = 0;
};

struct pull_view {
  std::string from;
};

struct operator_answer {
  std::uint64_t id = 0;
  bool accepted = false;
  std::string text; // what happens now, or why not
};

// One line for the operator: what happened, why, which nodes, shards, epochs, sessions, how long.
struct note {
  bool alarm = false; // somebody should look: unprotected shards, sessions lost
  std::string text;
};

using effect = std::variant<load_ledger, write_ledger, publish, send_view, refuse, spawn, kill,
                            pull_view, operator_answer, note>;
using effects = std::vector<effect>;

} // namespace holdfast::cluster::control
