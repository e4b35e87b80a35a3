#include "protocol/cluster/replication.hpp"
#include "protocol/core/buggify.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

void commit_log::adopt(session_record record, instant now) {
  const auto session = record.session;
  const auto submitted = now - record.age;
  last_.value += 1;
  record.seq = last_;
  for (auto& waiting : record.outbox) waiting.after = last_;
  order_[last_] = session;
  entries_.insert_or_assign(session, entry{std::move(record), submitted, {}});
}

peer_frames commit_log::set_replicas(const std::vector<replica>& replicas, instant now) {
  peer_frames out;
  std::vector<stream> next;
  for (const auto& wanted : replicas) {
    auto* known = find_stream(wanted.node.name);
    const bool same = known != nullptr && known->node == wanted.node;
    stream s = same ? std::move(*known) : stream{};
    s.node = wanted.node;
    s.in_sync = wanted.in_sync;
    if (wanted.in_sync) s.waited_for = true;
    next.push_back(std::move(s));
  }
  streams_ = std::move(next);
  for (auto& s : streams_)
    if (s.connected && !s.open) open(s, now, out);
  forget_removed();
  return out;
}

peer_frames commit_log::connected(const std::string& peer, bool up, instant now) {
  peer_frames out;
  auto* s = find_stream(peer);
  if (s == nullptr) return out;
  s->connected = up;
  s->open = false;
  s->in_flight.clear();
  s->opened_at = instant::min();
  if (up) open(*s, now, out);
  return out;
}

sequence commit_log::submit(session_record record, instant now, peer_frames& out) {
  last_.value += 1;
  record.seq = last_;
  for (auto& waiting : record.outbox) waiting.after = last_;
  const auto known = entries_.find(record.session);
  if (known != entries_.end()) {
    order_.erase(known->second.record.seq);
    removed_.erase(known->second.record.seq);
    auto& earlier = known->second.record.outbox;
    sometimes<"commit log: two commits of a session coalesce">(
        !streams_.empty() && known->second.record.seq > held());
    record.outbox.insert(record.outbox.begin(), std::make_move_iterator(earlier.begin()),
                         std::make_move_iterator(earlier.end()));
  }
  const auto session = record.session;
  order_[last_] = session;
  if (record.removed) removed_[last_] = session;
  entries_.insert_or_assign(session, entry{std::move(record), now, {}});
  for (auto& s : streams_) pump(s, now, out);
  forget_removed();
  return last_;
}

void commit_log::open(stream& s, instant now, peer_frames& out) {
  s.opened_at = now;
  out.push_back({s.node.name, frame_kind::stream_open, encode(stream_open{shard_, epoch_})});
}

void commit_log::pump(stream& s, instant now, peer_frames& out) {
  if (!s.open || !s.connected) return;
  auto next = order_.upper_bound(s.sent);
  const auto window = buggify<"commit log: a window of one">() ? 1 : window_records;
  const auto before = out.size();
  while (next != order_.end() && s.in_flight.size() < window) {
    const auto& e = entries_.at(next->second);
    commit c{shard_, epoch_, s.sent, e.record};
    c.record.age = std::chrono::duration_cast<duration>(now - e.submitted);
    out.push_back({s.node.name, frame_kind::commit, encode(c)});
    if (out.size() - before > 1 && buggify<"commit log: a commit overtakes another">())
      std::swap(out.back(), out[out.size() - 2]);
    if (buggify<"commit log: sends a commit twice">())
      out.push_back({s.node.name, frame_kind::commit, encode(c)});
    s.sent = next->first;
    s.in_flight.push_back(s.sent);
    ++next;
  }
  if (!s.completed && next == order_.end()) {
    s.completed = true;
    out.push_back({s.node.name, frame_kind::stream_complete,
                   encode(stream_complete{shard_, epoch_, s.sent})});
    // From here on the replica has all of the past in flight: wait for it with every commit, and
    // call it synced once it has acked what there is now.
    s.waited_for = true;
    s.gate = s.sent;
  }
}

peer_frames commit_log::on_resume(const std::string& peer, const stream_resume& r, instant now) {
  peer_frames out;
  auto* s = find_stream(peer);
  if (s == nullptr || r.epoch != epoch_ || r.shard != shard_) return out;
  s->connected = true;
  s->open = true;
  s->completed = false;
  s->sent = r.upto;
  s->acked = r.upto;
  s->in_flight.clear();
  pump(*s, now, out);
  return out;
}

result<peer_frames> commit_log::on_ack(const std::string& peer, const commit_ack& a, instant now) {
  sometimes<"commit log: a newer epoch is known">(a.refused);
  if (a.refused && a.epoch == epoch_) return fail("a replica knows a newer epoch of this shard");
  peer_frames out;
  auto* s = find_stream(peer);
  if (s == nullptr || a.epoch != epoch_ || !s->open) return out;
  s->acked = std::max(s->acked, std::min(a.upto, s->sent));
  const auto acked = std::upper_bound(s->in_flight.begin(), s->in_flight.end(), s->acked);
  s->in_flight.erase(s->in_flight.begin(), acked);
  pump(*s, now, out);
  forget_removed();
  return out;
}

peer_frames commit_log::on_tick(instant now) {
  peer_frames out;
  for (auto& s : streams_) {
    if (buggify<"commit log: opens a stream again">() && s.connected)
      open(s, now, out);
    else if (s.connected && !s.open
             && (s.opened_at == instant::min() || now - s.opened_at >= reopen_interval))
      open(s, now, out);
    if (s.audited_at == instant::min()) // not all shards at the same moment
      s.audited_at = now - audit_interval * (shard_.value % 64) / 64;
    if (now - s.audited_at >= audit_interval) audit_stream(s, now, out);
  }
  return out;
}

// Only where the replica has everything on its way: what it holds after that is what we hold now.
void commit_log::audit_stream(stream& s, instant now, peer_frames& out) {
  if (!s.open || !s.connected || !s.completed || order_.upper_bound(s.sent) != order_.end()) return;
  s.audited_at = now;
  std::uint64_t digest = 0;
  for (auto& [session, e] : entries_)
    if (!e.record.removed) digest += digest_of(e.record, e.digest);
  out.push_back({s.node.name, frame_kind::audit, encode(audit{shard_, epoch_, s.sent, digest})});
}

peer_frames commit_log::on_audit_reply(const std::string& peer, const audit_reply& r, instant now) {
  const auto* s = find_stream(peer);
  if (s == nullptr || r.epoch != epoch_ || !s->open) return {};
  ++audits_;
  if (r.equal) return {};
  ++repairs_;
  return on_resume(peer, {shard_, epoch_, {}}, now);
}

sequence commit_log::held_by(const stream& s) const {
  const bool all_sent = s.open && order_.upper_bound(s.sent) == order_.end();
  return all_sent && s.in_flight.empty() ? last_ : s.acked;
}

sequence commit_log::held() const {
  if (planted<"output-before-ack">()) return last_;
  sequence held = last_;
  for (const auto& s : streams_)
    if (s.waited_for) held = std::min(held, held_by(s));
  return held;
}

peer_frames commit_log::left(sequence upto) {
  peer_frames out;
  if (upto <= left_) return out;
  for (auto it = order_.upper_bound(left_); it != order_.end(); ++it)
    std::erase_if(entries_.at(it->second).record.outbox,
                  [&](const outbox_entry& e) { return e.after <= upto; });
  left_ = upto;
  for (const auto& s : streams_)
    if (s.open)
      out.push_back({s.node.name, frame_kind::outbox_left,
                     encode(outbox_left{shard_, epoch_, std::min(upto, s.sent)})});
  return out;
}

bool commit_log::handed_to(const std::string& peer) const {
  const auto s = std::find_if(streams_.begin(), streams_.end(),
                              [&](const stream& each) { return each.node.name == peer; });
  return s == streams_.end() || !s->connected || held_by(*s) == last_;
}

std::vector<node_id> commit_log::synced() const {
  std::vector<node_id> nodes;
  for (const auto& s : streams_)
    if (!s.in_sync && s.open
        && ((s.completed && s.acked >= s.gate) || planted<"filling-counts-as-synced">()))
      nodes.push_back(s.node);
  return nodes;
}

std::uint32_t commit_log::lag() const {
  std::size_t worst = 0;
  for (const auto& s : streams_) {
    const auto unsent = static_cast<std::size_t>(
        std::distance(order_.upper_bound(s.open ? s.sent : sequence{}), order_.end()));
    worst = std::max(worst, s.in_flight.size() + unsent);
  }
  return static_cast<std::uint32_t>(worst);
}

const session_record* commit_log::find(session_id session) const {
  const auto found = entries_.find(session);
  return found == entries_.end() ? nullptr : &found->second.record;
}

duration commit_log::age(session_id session, instant now) const {
  const auto found = entries_.find(session);
  return found == entries_.end()
             ? duration{}
             : std::chrono::duration_cast<duration>(now - found->second.submitted);
}

std::vector<std::string> commit_log::guards() const {
  std::vector<std::string> names;
  for (const auto& s : streams_)
    if (s.waited_for) names.push_back(s.node.name);
  return names;
}

// An ended session is remembered until every replica knows that it ended.
void commit_log::forget_removed() {
  if (removed_.empty()) return;
  sequence known = last_;
  for (const auto& s : streams_) known = std::min(known, held_by(s));
  for (auto it = removed_.begin(); it != removed_.end() && it->first <= known;) {
    order_.erase(it->first);
    entries_.erase(it->second);
    it = removed_.erase(it);
  }
}

commit_log::stream* commit_log::find_stream(const std::string& peer) {
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [&](const stream& s) { return s.node.name == peer; });
  return found == streams_.end() ? nullptr : &*found;
}

} // namespace holdfast::cluster
