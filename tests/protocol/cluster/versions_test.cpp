// Two versions side by side: what version N + 1 adds does not disturb N, and what N passes on comes
// back whole (design, "Links": unknown fields are kept).
#include "coordinator_stage.hpp"
#include "protocol/cluster/replication.hpp"
#include "tests/protocol/session/stage.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

constexpr std::uint64_t tag_of_the_future = 1'000;

std::string future_field(const std::string& value) {
  std::string out;
  codec::put_varint(out, tag_of_the_future * 2 + 1);
  codec::put_varint(out, value.size());
  return out + value;
}

// `x` as a newer version would have written it.
template <class T>
T newer(const T& x, const std::string& value) {
  auto read = decode<T>(encode(x) + future_field(value));
  REQUIRE(read.has_value());
  return *read;
}

bool carries(const unknown_fields& unknown, const std::string& value) {
  return unknown.bytes == future_field(value);
}

template <class Frame>
void read_one() {
  CHECK(decode<Frame>(encode(Frame{}) + future_field("x")).has_value());
}
template <class... Frames>
void read_what_is_newer() {
  (read_one<Frames>(), ...);
}

} // namespace

TEST_CASE("versions: every frame of a newer version is read, its news left out") {
  read_what_is_newer<frame_batch, hello, credit_grant, sip_in, sip_out, handled, send_failure,
                     commit, commit_ack, stream_open, stream_resume, stream_complete, outbox_left,
                     audit, audit_reply, keepalive, keepalive_ack, release, ask, answer, who_has,
                     who_has_reply, directory_release, join, join_refused, view_pull,
                     container_report, suspicion, shard_start, view>();
}

TEST_CASE("versions: a newer owner's record comes back whole from an older replica") {
  const shard_id shard{3};
  const node_id replica{"container-2", {1}};
  session_record record;
  record.session = session_id{7};
  record.state = "state";
  commit_log log{shard, epoch{1}};
  replica_store store;
  const instant now{1h};
  const std::vector<cluster::replica> replicas{{replica, true}};
  (void)log.set_replicas(replicas, now);
  (void)log.connected(replica.name, true, now);
  (void)log.on_resume(replica.name, {shard, epoch{1}, {}}, now);
  peer_frames out;
  (void)log.submit(newer(record, "of the record"), now, out);
  REQUIRE_FALSE(out.empty());
  REQUIRE(store.on_commit(*decode<commit>(out.front().bytes + future_field("x")), {}, now));
  const auto promoted = store.promote(shard, epoch{2}, now);
  REQUIRE(promoted.size() == 1);
  CHECK(carries(promoted.front().unknown, "of the record"));
}

TEST_CASE("versions: a session that moved from a newer node to an older one goes back whole") {
  ::stage::world w{::stage::b2bua_to("192.0.2.20:5060")};
  ::stage::call c{w};
  w.held += future_field("of the session");
  w.crash(100ms);
  c.alice.send(c.alice.in_dialog("BYE"));
  c.alice.expect("200");
  const auto back = w.subject.snapshot(w.now);
  CHECK(back.find(future_field("of the session")) != std::string::npos);
}

TEST_CASE("versions: an older coordinator keeps what a newer one has written to the ledger") {
  testing::stage st;
  st.add_containers(1, 3);
  REQUIRE(st.run_until_ready());
  auto record = newer(*decode<ledger_record>(*st.ledger), "of the record");
  record.now_valid = newer(record.now_valid, "of the view");
  for (auto& m : record.now_valid.members) m = newer(m, "of " + m.card.name);
  for (auto& s : record.now_valid.shards) s = newer(s, "of a shard");
  record.cluster_settings = newer(record.cluster_settings, "of the settings");
  st.ledger = encode(record);
  st.restart_coordinator();
  st.rejoin_all();
  st.run(3s);
  st.kill("container-2"); // many views later ...
  REQUIRE(st.run_until([&] { return st.machine.ready() && st.unprotected() == 0; }));
  const auto after = decode<ledger_record>(*st.ledger);
  REQUIRE(after.has_value());
  CHECK(carries(after->unknown, "of the record"));
  CHECK(carries(after->cluster_settings.unknown, "of the settings"));
  CHECK(carries(after->now_valid.unknown, "of the view"));
  for (const auto* name : {"container-1", "container-3"})
    CHECK(carries(after->now_valid.find(name)->unknown, "of " + std::string{name}));
  for (const auto& s : after->now_valid.shards) CHECK(carries(s.unknown, "of a shard"));
}
