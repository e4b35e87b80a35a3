// Between a container, its shards and their sessions. All local to one node.
//
//   container --sip_in, frames, due--> shard --session_input--> session
//             <--shard_output---------       <--session_step---
#pragma once

#include "actors/messages.hpp"
#include "protocol/cluster/balance.hpp"
#include "protocol/cluster/replication.hpp"
#include "protocol/session/environment.hpp"
#include "protocol/session/session.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace holdfast::actors {

class world;

// ---- shard <-> session
// ----------------------------------------------------------------------------

// Who keeps a message until its commit is held.
struct receipt {
  std::string proxy;
  std::uint64_t number = 0;
};

struct session_input {
  session::event what;
  std::optional<receipt> from;
  std::uint32_t number = 0; // of the inputs of its session; 0: not delivered yet
  instant delivered{};
};
// Give up on the application: BYE or 500 (design, "Failure", 1).
struct session_quarantine {};
// Its shard leaves this node: a last snapshot, behind everything that waits.
struct session_part {};

// What one input led to. Exactly one per input, in order; one more when the session starts.
struct session_step {
  session_id session;
  bool started = false; // not an answer to an input
  bool parted = false;  // the answer to session_part
  std::vector<session::effect> effects;
  std::optional<std::string> snapshot; // with a commit effect
  std::optional<duration> idle;        // with it: session_record
  bool rests = false;                  // it needs no actor for a while; there is a snapshot
  std::vector<std::string> keys;
  std::optional<instant> deadline;
  bool stable = false;
  std::uint32_t open_transactions = 0;
  std::uint32_t work = 0;
  std::uint32_t dialogs = 0;
  instant began{};                       // with its input
  duration took{-1};                     // -1: not measured
  std::optional<session::summary> about; // when it has changed; for operators
  std::string application;               // with it
};

// ---- shard -> container
// ---------------------------------------------------------------------------

// A shard actor came to life, by remote spawn or otherwise, and offers itself.
struct shard_offer {
  caf::actor shard;
  cluster::shard_start start;
};

// What may leave the node when the lease allows; in order.
struct emit_sip {
  cluster::sip_out message;
  std::string proxy;              // preferred; empty: any
  std::optional<instant> until{}; // of no use to anybody later; nullopt: always
};
struct emit_handled {
  receipt done;
};
struct emit_ask {
  cluster::ask question;
  duration timeout;
};
struct emit_answer {
  cluster::answer reply;
  std::string to_node;
};
using emission = std::variant<emit_sip, emit_handled, emit_ask, emit_answer>;

struct deadline_request {
  session_id session;
  instant at;
  std::uint64_t generation = 0;
};

struct shard_output {
  shard_id shard;
  holdfast::epoch epoch;
  cluster::peer_frames frames; // to the replicas; need no lease
  std::vector<emission> emissions;
  sequence held; // all emissions that waited for commits up to here are in this or earlier output
  std::vector<std::string> guards; // the nodes whose lease is needed
  std::vector<deadline_request> deadlines;
  std::vector<std::pair<std::string, session_id>> new_keys; // under which a session can be found
  std::vector<std::string> ended_keys;
  cluster::load_figures load; // of the shard, now
  std::uint32_t started = 0;  // sessions, by messages
};

struct shard_status {
  shard_id shard;
  holdfast::epoch epoch;
  cluster::load_figures load;
  std::vector<node_id> synced;
  std::uint32_t lag = 0;
  std::uint32_t restarts = 0;
  std::uint32_t quarantined = 0;
  std::uint64_t audits = 0;
  std::uint64_t repairs = 0;
};

// The shard speaks no more; nothing follows this.
struct shard_gone {
  shard_id shard;
  holdfast::epoch epoch;
};

// ---- container -> shard
// ---------------------------------------------------------------------------

struct shard_activate {
  std::shared_ptr<const session::environment> environment;
  world* outside = nullptr;
  std::vector<cluster::session_record> records;
  std::vector<cluster::replica> replicas;
  std::set<std::string> reachable;
  bool resend_outbox = false; // a takeover; not for a shard that starts empty
};
struct shard_message {
  cluster::sip_in message;
};
struct shard_send_failure {
  cluster::send_failure failure;
};
struct shard_ask {
  cluster::ask question;
};
struct shard_answer {
  session_address to;
  std::uint64_t id = 0;
  session::answered what;
};
struct shard_frame {
  std::string peer;
  cluster::frame_kind kind = cluster::frame_kind::batch;
  std::string bytes;
};
struct shard_replicas {
  std::vector<cluster::replica> replicas;
};
struct shard_peer {
  std::string peer;
  bool up = true;
};
struct shard_due {
  struct item {
    session_id session;
    std::uint64_t generation = 0;
  };
  std::vector<item> sessions;
};
struct shard_emitted { // everything up to here has left the node
  sequence upto;
};
struct shard_tick {};
// Another node owns the shard now: leave it all you know, stop, and say shard_gone.
struct shard_give_up {
  std::string to; // the new owner, if it had a copy; empty: stop at once
};

} // namespace holdfast::actors

HOLDFAST_LOCAL_MESSAGE(session_input)
HOLDFAST_LOCAL_MESSAGE(session_quarantine)
HOLDFAST_LOCAL_MESSAGE(session_part)
HOLDFAST_LOCAL_MESSAGE(session_step)
HOLDFAST_LOCAL_MESSAGE(shard_offer)
HOLDFAST_LOCAL_MESSAGE(shard_output)
HOLDFAST_LOCAL_MESSAGE(shard_status)
HOLDFAST_LOCAL_MESSAGE(shard_gone)
HOLDFAST_LOCAL_MESSAGE(shard_activate)
HOLDFAST_LOCAL_MESSAGE(shard_message)
HOLDFAST_LOCAL_MESSAGE(shard_send_failure)
HOLDFAST_LOCAL_MESSAGE(shard_ask)
HOLDFAST_LOCAL_MESSAGE(shard_answer)
HOLDFAST_LOCAL_MESSAGE(shard_frame)
HOLDFAST_LOCAL_MESSAGE(shard_replicas)
HOLDFAST_LOCAL_MESSAGE(shard_peer)
HOLDFAST_LOCAL_MESSAGE(shard_due)
HOLDFAST_LOCAL_MESSAGE(shard_emitted)
HOLDFAST_LOCAL_MESSAGE(shard_tick)
HOLDFAST_LOCAL_MESSAGE(shard_give_up)
