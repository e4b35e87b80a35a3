// Commit before output, as two pure halves (design, "Commit before output").
//
//   commit_log (owner)                               replica_store (replica)
//     submit(state, outbox) -- commit(seq, previous) -->  apply in order, once
//     held() moves up       <-- commit_ack(upto) -------
//     (link comes back)     -- stream_open ------------>
//     resend after upto     <-- stream_resume(upto) ----
//     (all sent)            -- stream_complete -------->  forget what is older than this epoch
//     left(upto)            -- outbox_left ------------>  nothing up to there needs repetition
//
// All the time the owner tells a digest of what a replica should hold (audit); one that differs
// says so and gets everything again. Nothing should ever differ, so each repair is counted and
// shown.
//
// The log keeps the latest record of each session, ordered by sequence. Catching up, resuming and
// filling a new replica are therefore one mechanism, and superseded snapshots coalesce by
// themselves. Output waits until held() reaches its commit.
#pragma once

#include "protocol/cluster/frames.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast::cluster {

// A frame for one peer.
struct peer_frame {
  std::string peer;
  frame_kind kind = frame_kind::batch;
  std::string bytes;
};
using peer_frames = std::vector<peer_frame>;

// What two copies of a record have in common, whenever they were made: neither age nor outbox. The
// digests of records add up to that of a shard.
[[nodiscard]] std::uint64_t digest_of(const session_record& record);
// The same, once: a record that has not changed since is not read again.
[[nodiscard]] std::uint64_t digest_of(const session_record& record,
                                      std::optional<std::uint64_t>& known);

class commit_log {
public:
  // Records that may be sent to one replica before it has acked any: bounds a fill.
  static constexpr std::size_t window_records = 512;
  static constexpr duration reopen_interval{200ms};
  // Between two audits of a replica. What has changed since the last one is read, on both sides.
  static constexpr duration audit_interval{5s};

  commit_log(shard_id shard, epoch era) : shard_{shard}, epoch_{era} {}

  // A record that this owner was activated with; it is sent to the replicas like a commit of ours.
  void adopt(session_record record, instant now);

  // The replicas of the current view, and which peers are connected at the moment.
  [[nodiscard]] peer_frames set_replicas(const std::vector<replica>& replicas, instant now);
  [[nodiscard]] peer_frames connected(const std::string& peer, bool up, instant now);

  // Numbers `record` (its seq is set here), keeps it and sends it on. Outbox entries of earlier
  // commits that have not left yet stay with the session.
  [[nodiscard]] sequence submit(session_record record, instant now, peer_frames& out);

  [[nodiscard]] peer_frames on_resume(const std::string& peer, const stream_resume& r, instant now);
  // Error: the replica refuses us; somebody else owns this shard by now.
  [[nodiscard]] result<peer_frames> on_ack(const std::string& peer, const commit_ack& a,
                                           instant now);
  // Opens streams again that got no answer, and audits replicas whose turn it is.
  [[nodiscard]] peer_frames on_tick(instant now);
  // A replica that differs gets everything again.
  [[nodiscard]] peer_frames on_audit_reply(const std::string& peer, const audit_reply& r,
                                           instant now);
  [[nodiscard]] std::uint64_t audits() const { return audits_; }
  [[nodiscard]] std::uint64_t repairs() const { return repairs_; }

  // Every commit up to here is held by each replica that counts: those in sync by the view, and
  // those we have begun to wait for. Without any, that is the last commit.
  [[nodiscard]] sequence held() const;
  // All output that waited for commits up to `upto` has left: no takeover needs to repeat it.
  [[nodiscard]] peer_frames left(sequence upto);

  // `peer` has acked every commit there is, or can not be reached: there is nothing to wait for.
  [[nodiscard]] bool handed_to(const std::string& peer) const;

  // Replicas that are not in sync by the view yet, that we wait for and that hold everything.
  [[nodiscard]] std::vector<node_id> synced() const;
  [[nodiscard]] std::uint32_t lag() const; // commits the slowest replica has not acked

  [[nodiscard]] const session_record* find(session_id session) const; // nullptr: never committed
  // How long ago the record of `session` was submitted; zero when there is none.
  [[nodiscard]] duration age(session_id session, instant now) const;
  // The nodes whose lease an owner needs to speak: each could be promoted in its place.
  [[nodiscard]] std::vector<std::string> guards() const;
  [[nodiscard]] sequence last() const { return last_; }
  [[nodiscard]] shard_id shard() const { return shard_; }
  [[nodiscard]] epoch era() const { return epoch_; }

private:
  struct entry {
    session_record record;
    instant submitted;
    std::optional<std::uint64_t> digest; // once somebody asked
  };
  struct stream {
    node_id node;
    bool in_sync = false; // by the view
    bool waited_for = false;
    bool connected = false;
    bool open = false;      // it has said how far it is
    bool completed = false; // stream_complete was sent
    sequence gate;          // it must reach this to count as synced
    sequence sent;
    sequence acked;
    instant opened_at{instant::min()};
    instant audited_at{instant::min()};
    std::vector<sequence> in_flight; // ascending
  };

  void pump(stream& s, instant now, peer_frames& out);
  void audit_stream(stream& s, instant now, peer_frames& out);
  void open(stream& s, instant now, peer_frames& out);
  void forget_removed();
  [[nodiscard]] sequence held_by(const stream& s) const;
  [[nodiscard]] stream* find_stream(const std::string& peer);

  shard_id shard_;
  epoch epoch_;
  sequence last_;
  std::map<session_id, entry> entries_;
  std::map<sequence, session_id> order_;   // the latest commit of each session
  std::map<sequence, session_id> removed_; // ended, and not yet known to be so by every replica
  sequence left_;
  std::vector<stream> streams_;
  std::uint64_t audits_ = 0;
  std::uint64_t repairs_ = 0;
};

// What a container holds for others: plain records, no actors, until it is promoted.
class replica_store {
public:
  struct reply {
    frame_kind kind = frame_kind::commit_ack;
    std::string bytes;
  };

  [[nodiscard]] reply on_open(const stream_open& open, view_number our_view);
  // A gap in the stream asks for what is missing; an epoch below ours is refused.
  // nullopt: the gap was asked about already.
  [[nodiscard]] std::optional<reply> on_commit(commit c, view_number our_view, instant now);
  void on_complete(const stream_complete& done);
  void on_left(const outbox_left& left);
  // nullopt: there is a gap, or the owner is another by now; there is nothing to compare.
  [[nodiscard]] std::optional<audit_reply> on_audit(const audit& a);

  // The copy of `shard` for its new owner here; from now on every epoch below `era` is refused.
  // Ages are counted up to `now`.
  [[nodiscard]] std::vector<session_record> promote(shard_id shard, epoch era, instant now);
  // From now on every epoch below `era` is refused: the first thing a replica told to promote does.
  void refuse_below(shard_id shard, epoch era);
  // Does the view want a copy of `shard` here? The owner may know a newer view than we do and fill
  // us already, so a copy that is not wanted is kept for a while: thrown away at once it would be
  // missed by an owner that saw it acked.
  static constexpr duration unwanted_max{10s};
  void want(shard_id shard, bool wanted, instant now);
  // Drops what was not wanted for so long. The result is for the owners of these shards: should one
  // still count on us, it begins again.
  [[nodiscard]] std::vector<stream_resume> drop_unwanted(instant now);

  [[nodiscard]] std::vector<shard_id> shards() const;
  [[nodiscard]] std::size_t records() const;
  [[nodiscard]] std::size_t records(shard_id shard) const;
  [[nodiscard]] epoch highest_epoch() const;

private:
  struct held {
    session_record record;
    epoch from; // the epoch in which it was received
    instant submitted;
    std::optional<std::uint64_t> digest; // once somebody asked
  };
  struct copy {
    epoch current;
    epoch floor; // below is refused
    sequence upto;
    bool asked = false; // to resume after `upto`; one answer is enough
    std::optional<instant> unwanted_since;
    std::map<session_id, held> sessions;
    std::set<session_id> unsaid; // those whose outbox may hold something
  };
  static void begin(copy& c, epoch era);

  std::map<shard_id, copy> copies_;
};

} // namespace holdfast::cluster
