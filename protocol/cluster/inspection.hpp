// What a console asks the nodes about their actors, and what they answer: frames `inspect` and
// `inspect_reply` on the links. An answer is a picture in parts of bounded size; whoever asked puts
// the parts together. Clocks differ between nodes, so pictures say how long ago.
#pragma once

#include "protocol/cluster/cluster_facts.hpp"
#include "protocol/cluster/control.hpp"
#include "protocol/cluster/ladder.hpp"
#include "protocol/cluster/observation.hpp"
#include "protocol/core/codec.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::cluster {

enum class inspect_what : std::uint8_t {
  actors = 1,    // every actor of the node but its sessions, with figures
  sessions = 2,  // those that fit `text`
  actor = 3,     // one of them in full: by `actor`, or the session at `session`
  ladder = 4,    // sightings of `calls` and `sessions`
  graveyard = 5, // actors that ended by error
  trace = 6,     // keep the full text of what the session at `session` says and hears: `on`
  // Of the coordinator only.
  cluster = 7, // members, shards, the latest events and failovers
  history =
      8, // failovers, and unless `limit` is 0 views; with `number` only that one, with its ring
  operate = 9 // `verb` on the node `text`, and `shard`
};

enum class session_order : std::uint8_t { newest = 0, oldest = 1, waiting = 2, messages = 3 };

inline constexpr std::uint32_t inspect_rows_max = 1'000; // of sessions in one answer of one node

struct inspect_query {
  inspect_what what = inspect_what::actors;
  std::uint64_t actor = 0;
  bool one_session = false;
  session_address session;
  bool one_shard = false;
  shard_id shard;
  std::string text; // in Call-ID, caller or callee, without regard to case; empty: any
  session_order order = session_order::newest;
  std::uint32_t limit = 100;
  std::vector<std::uint64_t> calls;
  std::vector<session_address> sessions;
  bool on = true;
  view_number number;
  control::operator_verb verb = control::operator_verb::drain;
};

struct inspect {
  std::uint64_t id = 0;
  inspect_query query;
};

struct actor_row {
  std::uint64_t id = 0;
  std::string kind;         // "shard"
  std::string label;        // "shard 17"
  std::uint64_t parent = 0; // its supervisor on this node; 0: the node's root
  std::string state;
  std::uint32_t depth = 0; // messages waiting
  duration age{};          // of the oldest of them, as far as it is known
  std::uint64_t messages = 0;
  duration busy{}; // processing in all
  duration waited_max{};
  duration processed_max{};
  std::uint32_t restarts = 0;
  std::uint32_t sessions = 0;
  duration alive{};
  bool answered = true; // false: it did not answer in time; figures are what is known from outside
};

struct session_row {
  session_address where;
  std::string application;
  std::vector<std::string> call_ids;
  std::string caller;
  std::string callee;
  bool stable = false;
  bool ending = false;
  bool quarantined = false;
  std::uint32_t open = 0; // transactions
  std::uint32_t depth = 0;
  duration age{}; // of the oldest input that waits
  std::uint64_t messages = 0;
  std::uint32_t restarts = 0;
  duration alive{};   // on this node
  bool rests = false; // it has no actor at the moment and needs none
  std::uint32_t dialogs = 0;
  bool ended = false; // nothing is left of it but answers to repetitions
};

struct message_row {
  std::uint64_t number = 0; // the how-manieth message of its actor
  duration ago{};
  std::string kind;
  std::string from;
  std::int32_t waited_us = -1;
  std::int32_t processed_us = -1;
};

struct kind_row {
  std::string kind;
  std::uint64_t count = 0;
  duration processed{};
  duration waited_max{};
  duration processed_max{};
  std::vector<std::uint32_t> waited_for; // histogram
  std::vector<std::uint32_t> took;
};

struct step_text { // of a traced session
  duration ago{};
  bool in = true;
  std::string bytes;
};

struct actor_detail {
  actor_row row;
  std::vector<kind_row> kinds;
  std::vector<message_row> messages;
  bool is_session = false;
  session_row session;
  bool traced = false;
  std::vector<step_text> texts;
  std::vector<std::uint64_t> monitors; // whose end it hears of, by id; some of them
  std::uint32_t monitoring = 0;        // how many there are
};

struct obituary {
  actor_row row; // as it was at its end
  duration ago{};
  std::string why;
  std::vector<message_row> messages;
  session_address session; // of sessions
};

// What the process of a node has worked since it began, and about how much of that went into noting
// what its actors do. Microseconds of CPU time; nothing is known of simulated nodes.
struct node_effort {
  duration worked{};
  duration noting{};
};

struct picture {
  std::string node;
  std::vector<actor_row> actors;
  std::vector<session_row> sessions;
  std::uint64_t sessions_fitting = 0;
  std::vector<actor_detail> details;
  std::vector<sighting_row> sightings;
  std::vector<obituary> graveyard;
  std::vector<cluster_facts> facts; // at most one
  bool accepted = false;            // an operation was
  std::string result;               // of an operation: what happens now, or why not
  std::vector<node_effort> effort;  // at most one, with the rows of all actors
};

struct inspect_reply {
  std::uint64_t id = 0;
  bool last = true;
  picture part;
};

inline constexpr std::size_t rows_per_part = 150;

// In parts that keep a link busy only for a moment; at least one.
[[nodiscard]] std::vector<picture> in_parts(picture whole);
void add_part(picture& whole, picture part);

// Sorted, and no longer than `limit`.
void keep_first(std::vector<session_row>& rows, session_order order, std::size_t limit);
// Does it concern a session that people look for with these words?
[[nodiscard]] bool fits(const session_row& row, std::string_view lower_case_text);

template <class F>
void describe(F& f, inspect_query& x) {
  f(1, x.what);
  f(2, x.actor);
  f(3, x.one_session);
  f(4, x.session);
  f(5, x.one_shard);
  f(6, x.shard);
  f(7, x.text);
  f(8, x.order);
  f(9, x.limit);
  f(10, x.calls);
  f(11, x.sessions);
  f(12, x.on);
  f(13, x.number);
  f(14, x.verb);
}
template <class F>
void describe(F& f, inspect& x) {
  f(1, x.id);
  f(2, x.query);
}
template <class F>
void describe(F& f, actor_row& x) {
  f(1, x.id);
  f(2, x.kind);
  f(3, x.label);
  f(4, x.parent);
  f(5, x.state);
  f(6, x.depth);
  f(7, x.age);
  f(8, x.messages);
  f(9, x.busy);
  f(10, x.waited_max);
  f(11, x.processed_max);
  f(12, x.restarts);
  f(13, x.sessions);
  f(14, x.alive);
  f(15, x.answered);
}
template <class F>
void describe(F& f, session_row& x) {
  f(1, x.where);
  f(2, x.application);
  f(3, x.call_ids);
  f(4, x.caller);
  f(5, x.callee);
  f(6, x.stable);
  f(7, x.ending);
  f(8, x.quarantined);
  f(9, x.open);
  f(10, x.depth);
  f(11, x.age);
  f(12, x.messages);
  f(13, x.restarts);
  f(14, x.alive);
  f(15, x.rests);
  f(16, x.dialogs);
  f(17, x.ended);
}
template <class F>
void describe(F& f, message_row& x) {
  f(1, x.ago);
  f(2, x.kind);
  f(3, x.from);
  f(4, x.waited_us);
  f(5, x.processed_us);
  f(6, x.number);
}
template <class F>
void describe(F& f, kind_row& x) {
  f(1, x.kind);
  f(2, x.count);
  f(3, x.processed);
  f(4, x.waited_max);
  f(5, x.processed_max);
  f(6, x.waited_for);
  f(7, x.took);
}
template <class F>
void describe(F& f, step_text& x) {
  f(1, x.ago);
  f(2, x.in);
  f(3, x.bytes);
}
template <class F>
void describe(F& f, actor_detail& x) {
  f(1, x.row);
  f(2, x.kinds);
  f(3, x.messages);
  f(4, x.is_session);
  f(5, x.session);
  f(6, x.traced);
  f(7, x.texts);
  f(8, x.monitors);
  f(9, x.monitoring);
}
template <class F>
void describe(F& f, obituary& x) {
  f(1, x.row);
  f(2, x.ago);
  f(3, x.why);
  f(4, x.messages);
  f(5, x.session);
}
template <class F>
void describe(F& f, node_effort& x) {
  f(1, x.worked);
  f(2, x.noting);
}
template <class F>
void describe(F& f, picture& x) {
  f(1, x.node);
  f(2, x.actors);
  f(3, x.sessions);
  f(4, x.sessions_fitting);
  f(5, x.details);
  f(6, x.sightings);
  f(7, x.graveyard);
  f(8, x.facts);
  f(9, x.accepted);
  f(10, x.result);
  f(11, x.effort);
}
template <class F>
void describe(F& f, inspect_reply& x) {
  f(1, x.id);
  f(2, x.last);
  f(3, x.part);
}

} // namespace holdfast::cluster
