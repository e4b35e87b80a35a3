// What nodes say to one another. On a link there is one message type, frame{version, kind, bytes};
// the bytes are one of the structs below in the tagged codec (design, "Links").
//
//   proxy --sip_in--> container --commit--> replica     container --joined/report--> coordinator
//         <-sip_out--           <--commit_ack--                   <--view--
//         <-handled--           --keepalive--> <--keepalive_ack--
#pragma once

#include "protocol/cluster/balance.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/codec.hpp"
#include "protocol/core/flow.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::cluster {

// A kind's number is its tag on the wire and is never reused. Unknown kinds are skipped and
// counted.
enum class frame_kind : std::uint8_t {
  batch = 1, // what a link formed per wake-up
  hello = 2,
  credit = 3,
  // SIP
  sip_in = 10,
  sip_out = 11,
  handled = 12,
  send_failure = 13,
  // sessions and their copies
  commit = 20,
  commit_ack = 21,
  stream_open = 22,
  stream_resume = 23,
  stream_complete = 24,
  keepalive = 25,
  keepalive_ack = 26,
  release = 27,
  outbox_left = 28,
  audit = 29,
  // between sessions, and the directory
  ask = 30,
  answer = 31,
  who_has = 32,
  who_has_reply = 33,
  directory_release = 34,
  audit_reply = 35,
  // membership
  join = 40,
  join_refused = 41,
  view = 42,
  view_pull = 43,
  container_report = 44,
  suspicion = 45,
  // how busy a container is: to directories and proxies
  load = 50,
  // for operators
  inspect = 60,
  inspect_reply = 61
};

// What credit bounds: each class has its own, so that none can starve another. Acks need none.
enum class credit_class : std::uint8_t { none = 0, control = 1, commit = 2, sip = 3 };
[[nodiscard]] credit_class credit_class_of(frame_kind kind);

struct frame_item {
  frame_kind kind = frame_kind::batch;
  std::string bytes;
};
struct frame_batch {
  std::vector<frame_item> items;
};

// First on a new link, both ways.
struct hello {
  std::string name;
  std::uint64_t boot = 0;
  holdfast::incarnation incarnation; // 0: not joined yet
  std::uint32_t version = 1;
  view_number view; // whoever is behind pulls
  unknown_fields unknown;
};

struct credit_grant {
  credit_class of = credit_class::none;
  std::uint32_t batches = 0;
};

// A SIP message on its way to a session: either `to` is known from a token, or the owner of the
// home shard `to.shard` finds it under `key`.
struct sip_in {
  session_address to;                // session 0: look `key` up
  std::string key;                   // directory key; empty when the token said where
  bool by_address_of_record = false; // the session lives in the home shard itself
  bool may_create = false;           // an initial request, not an ACK or CANCEL
  bool forwarded = false;            // already passed on once by the newer view
  std::string proxy;                 // who holds it until handled
  std::uint64_t receipt = 0;         // unique at that proxy; 0: nobody holds it
  flow source;                       // the client, as the dispatcher saw it
  view_number view;                  // of the sender
  std::string bytes;                 // the message
  bool emergency = false;            // let in whatever the load is
};

// A SIP message on its way out. Proxies drop what comes of an epoch older than they know (fence d).
struct sip_out {
  shard_id shard;
  holdfast::epoch epoch;
  session_address from;
  std::string branch; // wants to hear of a failed send; empty: does not
  flow destination;
  std::string bytes;
};

// The commits that these messages led to are held everywhere: no need to replay them.
struct handled {
  std::vector<std::uint64_t> receipts;
};

// A request did not reach its destination. `unsaid`: it was not even tried, its proxy having died or
// having dropped it for its epoch, so it may be said again.
struct send_failure {
  session_address to;
  std::string branch;
  bool unsaid = false;
};

// One effect that leaves after its commit, kept with it until it has left (the outbox).
struct outbox_entry {
  sequence after; // the commit it waits for
  flow destination;
  std::string bytes;
  std::string branch;
  std::string proxy;

  friend bool operator==(const outbox_entry&, const outbox_entry&) = default;
};

// One session's committed state as it travels and as a replica keeps it.
struct session_record {
  session_id session;
  sequence seq;         // of its latest commit
  bool removed = false; // ended: forget it
  bool stable = false;
  std::uint32_t restarts = 0;
  duration age{}; // since the state was submitted: deadlines in it are remaining time
  std::string state;
  std::vector<std::string> keys;
  std::vector<outbox_entry> outbox; // not yet known to have left
  // Nothing is in progress, and so long after the submission the session does something by itself:
  // until then it need not have an actor. Absent: it needs one at once.
  std::optional<duration> idle;
  bool half = false; // it only ends what is left of a call that was lost
  unknown_fields unknown;

  friend bool operator==(const session_record&, const session_record&) = default;
};

struct commit {
  shard_id shard;
  holdfast::epoch epoch;
  sequence previous; // of the record sent before this one on this stream; 0: the stream begins
  session_record record;
};

// Cumulative. `refused`: the replica knows a newer epoch, or has been told to promote.
struct commit_ack {
  shard_id shard;
  holdfast::epoch epoch;
  sequence upto;
  bool refused = false;
  view_number view;
};

// Owner -> replica: say how far you are; the answer is stream_resume{upto}.
struct stream_open {
  shard_id shard;
  holdfast::epoch epoch;
};
struct stream_resume {
  shard_id shard;
  holdfast::epoch epoch;
  sequence upto; // last applied in this epoch; 0: send everything
};
// Everything up to `upto` has been sent: what is older than this epoch can go.
struct stream_complete {
  shard_id shard;
  holdfast::epoch epoch;
  sequence upto;
};

// Output that waited for commits up to `upto` has left its node.
struct outbox_left {
  shard_id shard;
  holdfast::epoch epoch;
  sequence upto;
};

// "This is what you should hold by now": sent where a commit would be, so that both mean the same.
struct audit {
  shard_id shard;
  holdfast::epoch epoch;
  sequence upto;
  std::uint64_t digest = 0; // of every record, whatever their order
};
struct audit_reply {
  shard_id shard;
  holdfast::epoch epoch;
  sequence upto;
  bool equal = false; // false: send everything again
};

// Between containers. Its ack is the lease: an owner emits only within L of having sent the last
// keep-alive that every replica's node acked.
struct keepalive {
  std::uint64_t tick = 0;
  view_number view;
};
struct keepalive_ack {
  std::uint64_t tick = 0;
  view_number view;
};

// Container -> containers (which are directories) and proxies, together with keep-alives.
struct load {
  static constexpr std::uint32_t no_limit = 0xffff'ffff;

  load_figures figures;
  // What admission.hpp at the proxies goes by; sessions a second.
  std::uint32_t new_rate = 0;         // started lately
  std::uint32_t allowed_rate = 0;     // could be; 0: full, none at all
  std::uint32_t message_rate = 0;     // SIP messages a second
  std::uint32_t response_time_us = 0; // from a message's arrival here until it was dealt with
  unknown_fields unknown;
};

// The old owner of a moved shard speaks no more, and the new one holds all it ever committed.
struct release {
  shard_id shard;
  holdfast::epoch epoch; // the one it gave up
  holdfast::epoch next;  // the one for which it did
};

// From one session to the session found under `key` (or, in an answer, to an address).
struct ask {
  shard_id shard;
  std::string key;
  session_address from;
  std::string from_node; // where the answer goes first; it may have moved
  std::uint64_t id = 0;
  std::string bytes;
};
struct answer {
  session_address to;
  std::uint64_t id = 0;
  bool found = true; // false: there is no such session
  std::string bytes;
};

// After a takeover a directory asks before it creates.
struct who_has {
  std::uint64_t id = 0;
  std::string key;
  view_number view; // to be known before the answer: from then on no older directory is listened to
};
struct who_has_reply {
  std::uint64_t id = 0;
  bool found = false;
  session_address where;
};
struct directory_release {
  shard_id home;
  std::string key;
};

// To the coordinator: let me in, or: I am still here.
struct join {
  node_card card;
  holdfast::incarnation incarnation; // 0: first time; else what an earlier coordinator gave
  holdfast::epoch highest_epoch;     // a coordinator that comes back starts above it
  view_number view;
  settings cluster_settings; // must agree with the ledger's
};
struct join_refused {
  std::string why;
};

struct view_pull {
  view_number have;
};

struct shard_activity {
  shard_id shard;
  holdfast::epoch epoch;
  std::uint32_t sessions = 0;
  std::vector<node_id> synced; // replicas the owner waits for and that hold everything
  std::uint32_t lag = 0;       // commits the slowest of them has not acked
  duration active_for{};
  std::optional<duration> served_for{}; // since its first message; empty: none yet
  std::uint64_t audits = 0;  // how often a replica was compared with the owner, in this epoch
  std::uint64_t repairs = 0; // and how often it differed
};

// Container -> coordinator, every heartbeat interval: what is active here.
struct container_report {
  view_number view;
  std::uint32_t sessions = 0;
  std::uint32_t replicas = 0; // records held for others
  std::uint32_t work = 0;
  std::vector<shard_activity> shards;
};

// A node's own detector has missed `of` for too long, or hears it again.
struct suspicion {
  node_id of;
  bool suspected = true;
};

// What CAF remote spawn carries to the node that shall own a shard: the view that orders it comes
// along, so that the order and its execution cannot part.
struct shard_start {
  shard_id shard;
  holdfast::epoch epoch;
  std::string view; // encoded
  unknown_fields unknown;
};

template <class F>
void describe(F& f, frame_item& x) {
  f(1, x.kind);
  f(2, x.bytes);
}
template <class F>
void describe(F& f, frame_batch& x) {
  f(1, x.items);
}
template <class F>
void describe(F& f, hello& x) {
  f(1, x.name);
  f(2, x.boot);
  f(3, x.incarnation);
  f(4, x.version);
  f(5, x.view);
  f(x.unknown);
}
template <class F>
void describe(F& f, credit_grant& x) {
  f(1, x.of);
  f(2, x.batches);
}
template <class F>
void describe(F& f, sip_in& x) {
  f(1, x.to);
  f(2, x.key);
  f(3, x.by_address_of_record);
  f(4, x.may_create);
  f(5, x.forwarded);
  f(6, x.proxy);
  f(7, x.receipt);
  f(8, x.source);
  f(9, x.view);
  f(10, x.bytes);
  f(11, x.emergency);
}
template <class F>
void describe(F& f, sip_out& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.from);
  f(4, x.branch);
  f(5, x.destination);
  f(6, x.bytes);
}
template <class F>
void describe(F& f, handled& x) {
  f(1, x.receipts);
}
template <class F>
void describe(F& f, send_failure& x) {
  f(1, x.to);
  f(2, x.branch);
  f(3, x.unsaid);
}
template <class F>
void describe(F& f, outbox_entry& x) {
  f(1, x.after);
  f(2, x.destination);
  f(3, x.bytes);
  f(4, x.branch);
  f(5, x.proxy);
}
template <class F>
void describe(F& f, session_record& x) {
  f(1, x.session);
  f(2, x.seq);
  f(3, x.removed);
  f(4, x.stable);
  f(5, x.restarts);
  f(6, x.age);
  f(7, x.state);
  f(8, x.keys);
  f(9, x.outbox);
  f(10, x.idle);
  f(11, x.half);
  f(x.unknown);
}
template <class F>
void describe(F& f, commit& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.previous);
  f(4, x.record);
}
template <class F>
void describe(F& f, commit_ack& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.upto);
  f(4, x.refused);
  f(5, x.view);
}
template <class F>
void describe(F& f, stream_open& x) {
  f(1, x.shard);
  f(2, x.epoch);
}
template <class F>
void describe(F& f, stream_resume& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.upto);
}
template <class F>
void describe(F& f, stream_complete& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.upto);
}
template <class F>
void describe(F& f, outbox_left& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.upto);
}
template <class F>
void describe(F& f, audit& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.upto);
  f(4, x.digest);
}
template <class F>
void describe(F& f, audit_reply& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.upto);
  f(4, x.equal);
}
template <class F>
void describe(F& f, keepalive& x) {
  f(1, x.tick);
  f(2, x.view);
}
template <class F>
void describe(F& f, keepalive_ack& x) {
  f(1, x.tick);
  f(2, x.view);
}
template <class F>
void describe(F& f, load_figures& x) {
  f(1, x.sessions);
  f(2, x.transactions);
  f(3, x.work);
}
template <class F>
void describe(F& f, load& x) {
  f(1, x.figures);
  f(2, x.new_rate);
  f(3, x.allowed_rate);
  f(4, x.message_rate);
  f(5, x.response_time_us);
  f(x.unknown);
}
template <class F>
void describe(F& f, release& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.next);
}
template <class F>
void describe(F& f, ask& x) {
  f(1, x.shard);
  f(2, x.key);
  f(3, x.from);
  f(4, x.from_node);
  f(5, x.id);
  f(6, x.bytes);
}
template <class F>
void describe(F& f, answer& x) {
  f(1, x.to);
  f(2, x.id);
  f(3, x.found);
  f(4, x.bytes);
}
template <class F>
void describe(F& f, who_has& x) {
  f(1, x.id);
  f(2, x.key);
  f(3, x.view);
}
template <class F>
void describe(F& f, who_has_reply& x) {
  f(1, x.id);
  f(2, x.found);
  f(3, x.where);
}
template <class F>
void describe(F& f, directory_release& x) {
  f(1, x.home);
  f(2, x.key);
}
template <class F>
void describe(F& f, join& x) {
  f(1, x.card);
  f(2, x.incarnation);
  f(3, x.highest_epoch);
  f(4, x.view);
  f(5, x.cluster_settings);
}
template <class F>
void describe(F& f, join_refused& x) {
  f(1, x.why);
}
template <class F>
void describe(F& f, view_pull& x) {
  f(1, x.have);
}
template <class F>
void describe(F& f, shard_activity& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.sessions);
  f(4, x.synced);
  f(5, x.lag);
  f(6, x.active_for);
  f(7, x.served_for);
  f(8, x.audits);
  f(9, x.repairs);
}
template <class F>
void describe(F& f, container_report& x) {
  f(1, x.view);
  f(2, x.sessions);
  f(3, x.replicas);
  f(4, x.work);
  f(5, x.shards);
}
template <class F>
void describe(F& f, suspicion& x) {
  f(1, x.of);
  f(2, x.suspected);
}
template <class F>
void describe(F& f, shard_start& x) {
  f(1, x.shard);
  f(2, x.epoch);
  f(3, x.view);
  f(x.unknown);
}

} // namespace holdfast::cluster
