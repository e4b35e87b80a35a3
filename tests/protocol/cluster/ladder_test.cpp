#include "protocol/cluster/ladder.hpp"
#include "protocol/sip/sketch.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

const std::string invite = "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z\r\n"
                           "cseq: 4 INVITE\r\nCall-ID: abc@a\r\n\r\nCall-ID: of the body\r\n";
const std::string ringing = "SIP/2.0 180 Ringing\r\ni: abc@a\r\nCSeq: 4 INVITE\r\n\r\n";

const endpoint alice{"192.0.2.1", 5060};

sighting_row seen(const std::string& node, station where, bool in, duration ago,
                  const std::string& bytes, std::uint32_t step = 0) {
  sighting s;
  REQUIRE(sketch_into(s, bytes));
  s.where = where;
  s.in = in;
  s.step = step;
  s.agent = alice;
  return row_of(s, node, instant{ago}); // seen at 0
}

} // namespace

TEST_CASE("sketch: method, status, CSeq and Call-ID, with compact forms and any case") {
  const auto request = sip::sketch_of(invite);
  REQUIRE(request);
  CHECK(request->method == "INVITE");
  CHECK(request->status == 0);
  CHECK(request->cseq == 4);
  CHECK(request->call_id == "abc@a");
  const auto response = sip::sketch_of(ringing);
  REQUIRE(response);
  CHECK(response->method == "INVITE");
  CHECK(response->status == 180);
  CHECK(response->call_id == "abc@a");
}

TEST_CASE("sketch: what is no SIP, has no Call-ID or ends early is nothing") {
  for (const auto* bytes : {"", "\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                            "INVITE sip:b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", "SIP/2.0 ",
                            "INVITE sip:b SIP/2.0\r\n\r\nCall-ID: of the body\r\n"})
    CHECK_FALSE(sip::sketch_of(bytes));
}

TEST_CASE("ladder: one message seen at three stations is one rung, in the order of its way") {
  const auto ladder = ladder_of({seen("container-1", station::session, true, 8ms, invite, 1),
                                 seen("dispatcher-1", station::dispatcher, true, 10ms, invite),
                                 seen("proxy-2", station::proxy, true, 9ms, invite),
                                 seen("container-1", station::session, false, 7ms, ringing, 1),
                                 seen("proxy-2", station::proxy, false, 6ms, ringing),
                                 seen("dispatcher-1", station::dispatcher, false, 5ms, ringing)});
  REQUIRE(ladder.size() == 2);
  REQUIRE(ladder[0].stops.size() == 3);
  CHECK(ladder[0].method == sip_method::invite);
  CHECK(ladder[0].stops[0].node == "dispatcher-1");
  CHECK(ladder[0].stops[2].node == "container-1");
  CHECK(ladder[0].stops[2].step == 1);
  CHECK(ladder[1].status == 180);
  CHECK_FALSE(ladder[1].in);
  CHECK(ladder[1].stops[2].node == "dispatcher-1");
}

TEST_CASE("ladder: a retransmission is a rung of its own and says so") {
  const auto ladder = ladder_of({seen("proxy-1", station::proxy, true, 900ms, invite),
                                 seen("container-1", station::session, true, 899ms, invite),
                                 seen("proxy-1", station::proxy, true, 400ms, invite),
                                 seen("container-1", station::session, true, 399ms, invite)});
  REQUIRE(ladder.size() == 2);
  CHECK_FALSE(ladder[0].repeated);
  CHECK(ladder[1].repeated);
  CHECK(ladder[1].stops.size() == 2);
}

TEST_CASE("ladder: clocks that differ by milliseconds make no message out of one") {
  const auto ladder = ladder_of({seen("proxy-1", station::proxy, true, 903ms, invite),
                                 seen("dispatcher-1", station::dispatcher, true, 900ms, invite),
                                 seen("container-1", station::session, true, 901ms, invite, 1)});
  REQUIRE(ladder.size() == 1);
  REQUIRE(ladder[0].stops.size() == 3);
  CHECK(ladder[0].stops[0].where == station::dispatcher);
  CHECK(ladder[0].stops[1].where == station::proxy);
  CHECK(ladder[0].stops[2].where == station::session);
}

TEST_CASE("ladder: the session puts messages in order, whatever the clocks of other nodes say") {
  const auto ladder = ladder_of({seen("container-1", station::session, true, 900ms, invite, 1),
                                 seen("container-1", station::session, false, 890ms, invite, 2),
                                 seen("container-1", station::session, true, 880ms, ringing, 3),
                                 seen("proxy-2", station::proxy, true, 895ms, ringing)});
  REQUIRE(ladder.size() == 3);
  CHECK(ladder[0].in);
  CHECK(ladder[1].status == 0);
  CHECK_FALSE(ladder[1].in);
  CHECK(ladder[2].status == 180);
}

TEST_CASE("ladder: no response comes before its request, whatever the clocks of nodes say") {
  // The session that both have passed is gone, with its container.
  const auto ladder = ladder_of({seen("proxy-2", station::proxy, true, 9ms, ringing),
                                 seen("proxy-1", station::proxy, false, 8ms, invite),
                                 seen("proxy-1", station::proxy, false, 7ms, ringing)});
  REQUIRE(ladder.size() == 3);
  CHECK(ladder[0].status == 0);
  CHECK(ladder[1].status == 180);
  CHECK(ladder[1].in);
  CHECK_FALSE(ladder[2].in);
}

TEST_CASE("ladder: a session keeps how its call began and the latest, a node the latest") {
  session_sightings own;
  sighting_ring ring{10};
  for (std::uint32_t i = 1; i <= 40; ++i) {
    sighting s;
    s.call = i;
    s.cseq = i;
    s.agent = {"192.0.2.1", static_cast<std::uint16_t>(i)};
    own.add(s);
    ring.add(s);
  }
  const auto all = own.all();
  REQUIRE(all.size() == session_sightings::first_max + session_sightings::last_max);
  CHECK(all.front().cseq == 1);
  CHECK(all[session_sightings::first_max].cseq == 41 - session_sightings::last_max);
  CHECK(all.back().cseq == 40);
  for (std::uint16_t i = 0; i < 3; ++i) CHECK(all[i].agent.port == i + 1); // the first few by name
  CHECK(ring.of({30}, {}).empty());
  REQUIRE(ring.of({31}, {}).size() == 1);
}
