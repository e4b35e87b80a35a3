#include "protocol/cluster/replication.hpp"
#include "protocol/core/buggify.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace holdfast::cluster {

namespace {

// A record without what differs between two copies of it.
struct common_part {
  session_record& of;
};
template <class F>
void describe(F& f, common_part& x) {
  f(1, x.of.session);
  f(2, x.of.seq);
  f(4, x.of.stable);
  f(5, x.of.restarts);
  f(7, x.of.state);
  f(8, x.of.keys);
  f(10, x.of.idle);
  f(11, x.of.half);
  f(x.of.unknown);
}

} // namespace

std::uint64_t digest_of(const session_record& record) {
  const auto bytes =
      encode_alike(common_part{const_cast<session_record&>(record)}); // which only reads
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::uint64_t digest_of(const session_record& record, std::optional<std::uint64_t>& known) {
  if (!known) known = digest_of(record);
  return *known;
}

namespace {

duration since(instant then, instant now) {
  return std::chrono::duration_cast<duration>(now - then);
}

} // namespace

replica_store::reply replica_store::on_open(const stream_open& open, view_number our_view) {
  auto& c = copies_[open.shard];
  if (open.epoch < std::max(c.floor, c.current))
    return {frame_kind::commit_ack, encode(commit_ack{open.shard, open.epoch, {}, true, our_view})};
  if (open.epoch > c.current) begin(c, open.epoch);
  c.asked = false;
  return {frame_kind::stream_resume, encode(stream_resume{open.shard, open.epoch, c.upto})};
}

std::optional<replica_store::reply> replica_store::on_commit(commit incoming, view_number our_view,
                                                             instant now) {
  const auto shard = incoming.shard;
  const auto era = incoming.epoch;
  auto& c = copies_[shard];
  sometimes<"replica: an older epoch is refused">(era < std::max(c.floor, c.current));
  if (era < std::max(c.floor, c.current))
    return reply{frame_kind::commit_ack, encode(commit_ack{shard, era, {}, true, our_view})};
  if (era > c.current) begin(c, era);
  auto& record = incoming.record;
  if (record.seq <= c.upto) // a repetition
    return reply{frame_kind::commit_ack, encode(commit_ack{shard, era, c.upto, false, our_view})};
  sometimes<"replica: a gap">(incoming.previous != c.upto);
  if (incoming.previous != c.upto
      && !planted<"replica-ignores-gaps">()) { // one question a gap: everything behind it comes
                                               // again
    if (c.asked && !buggify<"replica: asks twice about a gap">()) return std::nullopt;
    c.asked = true;
    return reply{frame_kind::stream_resume, encode(stream_resume{shard, era, c.upto})};
  }
  c.asked = false;
  c.upto = record.seq;
  const auto session = record.session;
  if (!record.outbox.empty()) c.unsaid.insert(session);
  if (record.removed && !planted<"replica-keeps-what-ended">())
    c.sessions.erase(session);
  else if (planted<"replica-keeps-the-first-snapshot">() && c.sessions.contains(session))
    sometimes<"replica: a planted defect acted">();
  else
    c.sessions.insert_or_assign(session, held{std::move(record), era, now - record.age, {}});
  if (buggify<"replica: asks to go on where it is">())
    return reply{frame_kind::stream_resume, encode(stream_resume{shard, era, c.upto})};
  return reply{frame_kind::commit_ack, encode(commit_ack{shard, era, c.upto, false, our_view})};
}

// What an older epoch left stays until the new owner has sent everything (on_complete).
void replica_store::begin(copy& c, epoch era) {
  c.current = era;
  c.upto = {};
  c.asked = false;
}

void replica_store::on_complete(const stream_complete& done) {
  const auto found = copies_.find(done.shard);
  if (found == copies_.end() || found->second.current != done.epoch) return;
  auto& c = found->second;
  if (c.upto < done.upto) return; // a gap before it: it comes again after the resume
  std::erase_if(c.sessions, [&](const auto& s) { return s.second.from < done.epoch; });
}

void replica_store::on_left(const outbox_left& left) {
  const auto found = copies_.find(left.shard);
  if (found == copies_.end() || found->second.current != left.epoch) return;
  auto& c = found->second;
  for (auto session = c.unsaid.begin(); session != c.unsaid.end();) {
    const auto h = c.sessions.find(*session);
    const bool ours = h != c.sessions.end() && h->second.from == left.epoch;
    if (ours)
      std::erase_if(h->second.record.outbox,
                    [&](const outbox_entry& e) { return e.after <= left.upto; });
    const bool said = h == c.sessions.end() || h->second.record.outbox.empty();
    session = said ? c.unsaid.erase(session) : std::next(session);
  }
}

std::optional<audit_reply> replica_store::on_audit(const audit& a) {
  const auto found = copies_.find(a.shard);
  if (found == copies_.end() || found->second.current != a.epoch || found->second.upto != a.upto)
    return std::nullopt;
  auto& c = found->second;
  std::uint64_t digest = 0;
  for (auto& [session, h] : c.sessions) digest += digest_of(h.record, h.digest);
  const bool equal = digest == a.digest;
  if (!equal) {
    // What we have stays until the owner has sent everything: it is better than nothing.
    c.upto = {};
    for (auto& [session, h] : c.sessions) h.from = epoch{};
  }
  return audit_reply{a.shard, a.epoch, a.upto, equal};
}

std::vector<session_record> replica_store::promote(shard_id shard, epoch era, instant now) {
  std::vector<session_record> records;
  auto& c = copies_[shard];
  for (auto& [session, h] : c.sessions) {
    if (planted<"promotion-loses-a-session">() && session.value % 3 == 0) continue;
    h.record.age = planted<"commit-age-is-not-counted">() ? duration{} : since(h.submitted, now);
    records.push_back(std::move(h.record));
  }
  c = copy{};
  c.current = era;
  c.floor = era;
  return records;
}

void replica_store::refuse_below(shard_id shard, epoch era) {
  auto& floor = copies_[shard].floor;
  floor = std::max(floor, era);
}

void replica_store::want(shard_id shard, bool wanted, instant now) {
  const auto found = copies_.find(shard);
  if (found == copies_.end()) return;
  auto& unwanted = found->second.unwanted_since;
  if (wanted)
    unwanted.reset();
  else if (!unwanted)
    unwanted = now;
}

std::vector<stream_resume> replica_store::drop_unwanted(instant now) {
  std::vector<stream_resume> dropped;
  for (auto& [id, c] : copies_) {
    if (!c.unwanted_since) continue;
    const auto patience =
        buggify<"replica: drops an unwanted copy at once">() ? duration{} : unwanted_max;
    if (now - *c.unwanted_since < patience) continue;
    if (c.current.value > 0) dropped.push_back({id, c.current, {}});
    const auto floor = std::max(c.floor, c.current);
    c = copy{};
    c.floor = floor; // an old owner is still refused
  }
  return dropped;
}

std::vector<shard_id> replica_store::shards() const {
  std::vector<shard_id> ids;
  for (const auto& [id, c] : copies_) ids.push_back(id);
  return ids;
}

std::size_t replica_store::records() const {
  std::size_t count = 0;
  for (const auto& [id, c] : copies_) count += c.sessions.size();
  return count;
}

std::size_t replica_store::records(shard_id shard) const {
  const auto found = copies_.find(shard);
  return found == copies_.end() ? 0 : found->second.sessions.size();
}

epoch replica_store::highest_epoch() const {
  epoch highest;
  for (const auto& [id, c] : copies_) highest = std::max({highest, c.current, c.floor});
  return highest;
}

} // namespace holdfast::cluster
