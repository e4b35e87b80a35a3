// Both halves of replication against each other over a wire that can break.
#include "protocol/cluster/replication.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <random>
#include <string>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

const shard_id the_shard{7};
const node_id first{"container-2", {1}};
const node_id second{"container-3", {1}};

session_record record_of(std::uint64_t session, std::string state, std::size_t outputs = 0) {
  session_record r;
  r.session = session_id{session};
  r.state = std::move(state);
  for (std::size_t i = 0; i < outputs; ++i)
    r.outbox.push_back({{}, {{"192.0.2.1", 5060}}, "200 OK", "", ""});
  return r;
}

// One owner, its replicas, and frames in flight between them; time stands still unless moved.
struct wire {
  explicit wire(holdfast::epoch era = {1}) : log{the_shard, era} {}

  void put(peer_frames frames) {
    for (auto& f : frames) in_flight.push_back(std::move(f));
  }
  void link(const std::string& peer, bool up) {
    if (!up) std::erase_if(in_flight, [&](const peer_frame& f) { return f.peer == peer; });
    put(log.connected(peer, up, now));
  }
  void submit(session_record r) {
    peer_frames out;
    last = log.submit(std::move(r), now, out);
    put(std::move(out));
  }
  bool deliver_one() {
    if (in_flight.empty()) return false;
    auto f = std::move(in_flight.front());
    in_flight.pop_front();
    auto& store = stores[f.peer];
    if (f.kind == frame_kind::stream_open)
      answer(f.peer, store.on_open(*decode<stream_open>(f.bytes), {}));
    if (f.kind == frame_kind::commit)
      if (auto r = store.on_commit(*decode<commit>(f.bytes), {}, now)) answer(f.peer, *r);
    if (f.kind == frame_kind::stream_complete) store.on_complete(*decode<stream_complete>(f.bytes));
    if (f.kind == frame_kind::outbox_left) store.on_left(*decode<outbox_left>(f.bytes));
    if (f.kind == frame_kind::audit)
      if (const auto r = store.on_audit(*decode<audit>(f.bytes)))
        put(log.on_audit_reply(f.peer, *r, now));
    return true;
  }
  void settle() {
    while (deliver_one()) {
    }
  }
  void answer(const std::string& peer, const replica_store::reply& r) {
    if (r.kind == frame_kind::stream_resume) {
      put(log.on_resume(peer, *decode<stream_resume>(r.bytes), now));
    } else {
      auto more = log.on_ack(peer, *decode<commit_ack>(r.bytes), now);
      if (more)
        put(std::move(*more));
      else
        refused = true;
    }
  }

  instant now{1h};
  commit_log log;
  std::map<std::string, replica_store> stores;
  std::deque<peer_frame> in_flight;
  sequence last;
  bool refused = false;
};

std::map<std::uint64_t, std::string> states(std::vector<session_record> records) {
  std::map<std::uint64_t, std::string> all;
  for (auto& r : records) all[r.session.value] = r.state;
  return all;
}

} // namespace

TEST_CASE(
    "commit: output waits until every replica in sync has acked [design, Commit before output]") {
  wire w;
  w.put(w.log.set_replicas({{first, true}, {second, true}}, w.now));
  w.link(first.name, true);
  w.link(second.name, true);
  w.settle();
  w.submit(record_of(1, "a"));
  CHECK(w.log.held() < w.last);
  std::erase_if(w.in_flight,
                [](const peer_frame& f) { return f.peer == second.name; }); // one copy is lost
  w.settle();
  CHECK(w.log.held() < w.last);
  w.link(second.name, false);
  w.link(second.name, true);
  w.settle();
  CHECK(w.log.held() == w.last);
}

TEST_CASE(
    "commit: a replica whose link is down stalls the owner until the view drops it [fence c]") {
  wire w;
  w.put(w.log.set_replicas({{first, true}}, w.now));
  w.link(first.name, true);
  w.settle();
  w.link(first.name, false);
  w.submit(record_of(1, "a"));
  w.settle();
  CHECK(w.log.held() < w.last);
  w.put(w.log.set_replicas({}, w.now)); // the CAS that makes the shard unprotected
  CHECK(w.log.held() == w.last);
}

TEST_CASE("commit: a filling replica counts only from the moment it has the past") {
  wire w;
  for (std::uint64_t s = 1; s <= 5; ++s) w.submit(record_of(s, "old"));
  w.put(w.log.set_replicas({{first, false}}, w.now));
  CHECK(w.log.held() == w.last); // nobody to wait for yet
  CHECK(w.log.guards().empty());
  w.link(first.name, true);
  CHECK(w.log.synced().empty());
  w.settle();
  CHECK(w.log.synced() == std::vector{first});
  CHECK(w.log.guards() == std::vector{first.name}); // from now on it could be promoted
  w.submit(record_of(9, "new"));
  CHECK(w.log.held() < w.last);
  w.settle();
  CHECK(w.log.held() == w.last);
  CHECK(states(w.stores[first.name].promote(the_shard, {2}, w.now)).size() == 6);
}

TEST_CASE("commit: a fill is bounded by its window") {
  wire w;
  for (std::uint64_t s = 0; s < 2 * commit_log::window_records; ++s)
    w.submit(record_of(s + 1, "x"));
  w.put(w.log.set_replicas({{first, false}}, w.now));
  w.link(first.name, true);
  REQUIRE(w.deliver_one()); // stream_open; the resume lets the owner send
  CHECK(w.in_flight.size() == commit_log::window_records);
  w.settle();
  CHECK(w.stores[first.name].records() == 2 * commit_log::window_records);
}

TEST_CASE("replica: repetitions change nothing, a gap asks for what is missing") {
  replica_store store;
  const auto at = instant{1h};
  const auto send = [&](std::uint64_t previous, std::uint64_t seq, std::string state) {
    auto r = record_of(1, std::move(state));
    r.seq = sequence{seq};
    return store.on_commit({the_shard, {1}, sequence{previous}, r}, {}, at).value();
  };
  (void)store.on_open({the_shard, {1}}, {});
  CHECK(decode<commit_ack>(send(0, 1, "a").bytes)->upto == sequence{1});
  CHECK(decode<commit_ack>(send(0, 1, "forged").bytes)->upto == sequence{1});
  const auto gap = send(2, 3, "c");
  CHECK(gap.kind == frame_kind::stream_resume);
  CHECK(decode<stream_resume>(gap.bytes)->upto == sequence{1});
  CHECK(states(store.promote(the_shard, {2}, at)).at(1) == "a");
}

TEST_CASE("replica: a gap is asked about once, however much comes behind it") {
  wire w;
  w.put(w.log.set_replicas({{first, true}}, w.now));
  w.link(first.name, true);
  w.settle();
  for (std::uint64_t s = 1; s <= 100; ++s) w.submit(record_of(s, "x"));
  w.in_flight.pop_front(); // lost; the 99 others arrive
  std::size_t delivered = 0;
  while (w.deliver_one()) ++delivered;
  CHECK(delivered < 300); // the 99, and everything once more
  CHECK(w.log.held() == w.last);
  CHECK(w.stores[first.name].records() == 100);
}

TEST_CASE(
    "replica: a fill that comes before the view that orders it survives the views in between") {
  wire w;
  for (std::uint64_t s = 1; s <= 5; ++s) w.submit(record_of(s, "x"));
  w.put(w.log.set_replicas({{first, false}}, w.now));
  w.link(first.name, true);
  w.settle();
  CHECK(w.log.synced() == std::vector{first}); // the owner counts on it
  auto& store = w.stores[first.name];
  store.want(the_shard, false, w.now); // a view from before
  CHECK(store.drop_unwanted(w.now + 1s).empty());
  store.want(the_shard, true, w.now + 1s); // the one that orders it
  CHECK(store.drop_unwanted(w.now + 1h).empty());
  CHECK(store.promote(the_shard, {2}, w.now).size() == 5);
}

TEST_CASE("replica: what it drops it tells the owner, who begins again if it still counts on it") {
  wire w;
  for (std::uint64_t s = 1; s <= 5; ++s) w.submit(record_of(s, "x"));
  w.put(w.log.set_replicas({{first, true}}, w.now));
  w.link(first.name, true);
  w.settle();
  auto& store = w.stores[first.name];
  store.want(the_shard, false, w.now);
  const auto dropped = store.drop_unwanted(w.now + replica_store::unwanted_max);
  REQUIRE(dropped.size() == 1);
  CHECK(store.records() == 0);
  store.refuse_below(the_shard, {1});
  w.put(w.log.on_resume(first.name, dropped.front(), w.now));
  w.settle();
  CHECK(store.records() == 5);
  CHECK(w.log.held() == w.last);
}

TEST_CASE("replica: once told to promote it refuses the old owner [fence b]") {
  wire w;
  w.put(w.log.set_replicas({{first, true}}, w.now));
  w.link(first.name, true);
  w.submit(record_of(1, "a"));
  w.settle();
  w.stores[first.name].refuse_below(the_shard, {2});
  w.submit(record_of(1, "b"));
  w.settle();
  CHECK(w.refused);
  CHECK(w.log.held() < w.last);
  CHECK(states(w.stores[first.name].promote(the_shard, {2}, w.now)).at(1) == "a");
}

TEST_CASE("replica: a new owner's fill replaces the old epoch's copy, ended sessions included") {
  wire old_owner;
  old_owner.put(old_owner.log.set_replicas({{first, true}, {second, true}}, old_owner.now));
  old_owner.link(first.name, true);
  old_owner.link(second.name, true);
  old_owner.submit(record_of(1, "kept"));
  old_owner.submit(record_of(2, "ends under the new owner"));
  old_owner.settle();

  wire next{holdfast::epoch{2}};
  next.stores = old_owner.stores;
  for (auto& r : next.stores[first.name].promote(the_shard, {2}, next.now))
    if (r.session.value == 1) next.log.adopt(std::move(r), next.now);
  next.put(next.log.set_replicas({{second, true}}, next.now));
  next.link(second.name, true);
  next.settle();
  CHECK(states(next.stores[second.name].promote(the_shard, {3}, next.now))
        == std::map<std::uint64_t, std::string>{{1, "kept"}});
}

TEST_CASE(
    "outbox: what has left is not repeated by a takeover, what has not is [Commit before output]") {
  wire w;
  w.put(w.log.set_replicas({{first, true}}, w.now));
  w.link(first.name, true);
  w.submit(record_of(1, "a", 1));
  w.settle();
  w.put(w.log.left(w.log.held()));
  w.submit(record_of(1, "b", 2));
  w.submit(record_of(2, "c", 1));
  w.settle();
  for (const auto& r : w.stores[first.name].promote(the_shard, {2}, w.now))
    CHECK(r.outbox.size() == (r.session.value == 1 ? 2u : 1u));
}

TEST_CASE("outbox: output that waits survives a newer commit of its session") {
  wire w;
  w.put(w.log.set_replicas({{first, true}}, w.now));
  w.submit(record_of(1, "a", 1)); // no link yet: not held, not left
  w.submit(record_of(1, "b", 1));
  w.link(first.name, true);
  w.settle();
  const auto records = w.stores[first.name].promote(the_shard, {2}, w.now);
  REQUIRE(records.size() == 1);
  CHECK(records.front().state == "b");
  CHECK(records.front().outbox.size() == 2);
}

TEST_CASE("age: deadlines in a record are remaining time, its age is what has passed since") {
  wire w;
  w.submit(record_of(1, "a"));
  w.put(w.log.set_replicas({{first, false}}, w.now));
  w.now += 3s;
  w.link(first.name, true); // filled three seconds after the commit
  w.settle();
  const auto records = w.stores[first.name].promote(the_shard, {2}, w.now + 2s);
  REQUIRE(records.size() == 1);
  CHECK(records.front().age == 5s);
}

TEST_CASE("replication: whatever the links do, what was held is at the replica") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random{seed};
    wire w;
    w.put(w.log.set_replicas({{first, true}}, w.now));
    w.link(first.name, true);
    std::map<std::uint64_t, std::pair<sequence, std::string>>
        model; // latest commit of each session
    for (int step = 0; step < 300; ++step) {
      const auto what = random() % 10;
      if (what < 4) {
        const auto session = 1 + random() % 5;
        const auto state = "s" + std::to_string(step);
        const bool ends = random() % 8 == 0;
        auto r = record_of(session, state);
        r.removed = ends;
        w.submit(std::move(r));
        model[session] = {w.last, ends ? "" : state};
      } else if (what < 8) {
        (void)w.deliver_one();
      } else if (what == 8) {
        w.link(first.name, false);
      } else {
        w.link(first.name, true);
      }
    }
    const auto held = w.log.held();
    const auto at_replica = states(w.stores[first.name].promote(the_shard, {2}, w.now));
    for (const auto& [session, latest] : model) {
      if (latest.first > held) continue; // newer ones may or may not have arrived
      const auto found = at_replica.find(session);
      CHECK((found == at_replica.end() ? std::string{} : found->second) == latest.second);
    }
  }
}

TEST_CASE("audit: a copy that is what it should be is compared again and again, and left alone") {
  wire w;
  w.put(w.log.set_replicas({{first, true}}, w.now));
  w.link(first.name, true);
  w.settle();
  for (std::uint64_t i = 1; i <= 20; ++i) w.submit(record_of(i, "a", 1));
  w.settle();
  auto ended = record_of(3, "");
  ended.removed = true;
  w.submit(ended);
  w.settle();
  w.put(w.log.left(w.last));
  for (std::uint64_t round = 1; round <= 3; ++round) {
    w.put(w.log.on_tick(w.now));
    w.now += commit_log::audit_interval;
    w.put(w.log.on_tick(w.now));
    w.submit(record_of(round, "b")); // on its way behind the audit
    w.settle();
    CHECK(w.log.audits() == round);
  }
  CHECK(w.log.repairs() == 0);
}

TEST_CASE("audit: a copy that differs is repaired and counted, and is complete all the while") {
  wire w;
  w.put(w.log.set_replicas({{first, true}}, w.now));
  w.link(first.name, true);
  w.settle();
  w.submit(record_of(1, "a"));
  w.submit(record_of(2, "a"));
  // A bit falls over, and a session appears that nobody has.
  auto damaged = *decode<commit>(w.in_flight.back().bytes);
  damaged.record.state = "x";
  w.in_flight.back().bytes = encode(damaged);
  w.settle();
  w.put(w.log.on_tick(w.now));
  w.now += commit_log::audit_interval;
  w.put(w.log.on_tick(w.now));
  w.settle();
  CHECK(w.log.repairs() == 1);
  CHECK(w.stores[first.name].records(the_shard) == 2);
  CHECK(w.log.held() == w.last);
  w.now += commit_log::audit_interval;
  w.put(w.log.on_tick(w.now));
  w.settle();
  CHECK(w.log.audits() == 2);
  CHECK(w.log.repairs() == 1); // equal again
  CHECK(states(w.stores[first.name].promote(the_shard, {2}, w.now))
        == std::map<std::uint64_t, std::string>{{1, "a"}, {2, "a"}});
}

TEST_CASE("audit: a session that only the replica has is gone after the repair") {
  wire w;
  w.put(w.log.set_replicas({{first, true}}, w.now));
  w.link(first.name, true);
  w.settle();
  w.submit(record_of(1, "a"));
  w.submit(record_of(2, "a"));
  auto damaged = *decode<commit>(w.in_flight.back().bytes);
  damaged.record.session = session_id{99};
  w.in_flight.back().bytes = encode(damaged);
  w.settle();
  w.put(w.log.on_tick(w.now));
  w.now += commit_log::audit_interval;
  w.put(w.log.on_tick(w.now));
  w.settle();
  CHECK(w.log.repairs() == 1);
  CHECK(states(w.stores[first.name].promote(the_shard, {2}, w.now))
        == std::map<std::uint64_t, std::string>{{1, "a"}, {2, "a"}});
}
