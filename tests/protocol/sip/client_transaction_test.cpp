#include "protocol/core/codec.hpp"
#include "protocol/sip/invite_client_transaction.hpp"
#include "protocol/sip/invite_success.hpp"
#include "protocol/sip/non_invite_client_transaction.hpp"
#include "tests/protocol/sip/sip_test.hpp"

using namespace holdfast;
using namespace holdfast::sip;
using namespace holdfast::sip::test;

namespace {

constexpr instant now{};

from_network answer(std::string_view method, int status) {
  return {make_response(request(method), status, "", "a6c85cf")};
}

invite_client_transaction invite(bool reliable = false) {
  return {request("INVITE"), reliable};
}

non_invite_client_transaction options(bool reliable = false) {
  return {request("OPTIONS"), reliable};
}

template <class T>
void round_trips(const T& x) {
  const auto copy = decode<T>(encode(x));
  REQUIRE(copy.has_value());
  CHECK(*copy == x);
}

} // namespace

TEST_CASE("invite client: timer A doubles until timer B ends it after 64*T1 [RFC 3261 17.1.1.2]") {
  auto t = invite();
  CHECK(words(t.on(start{}, now)) == row{"send INVITE", "start A 500", "start B 32000"});
  for (const auto* next : {"start A 1000", "start A 2000", "start A 4000", "start A 8000",
                           "start A 16000", "start A 32000", "start A 32000"})
    CHECK(words(t.on(timer_fired{timer_name::a}, now)) == row{"send INVITE", next});
  CHECK(words(t.on(timer_fired{timer_name::b}, now)) == row{"timed out", "end"});
  CHECK(t.on(answer("INVITE", 200), now).empty());
}

TEST_CASE("invite client: a provisional stops timers A and B [RFC 3261 17.1.1.2]") {
  auto t = invite();
  (void)t.on(start{}, now);
  CHECK(words(t.on(answer("INVITE", 180), now)) == row{"stop A", "stop B", "up 180"});
  CHECK(words(t.on(answer("INVITE", 183), now)) == row{"up 183"});
  CHECK(t.on(timer_fired{timer_name::a}, now).empty());
  CHECK(t.on(timer_fired{timer_name::b}, now).empty());
  CHECK(t.on(transport_failed{}, now).empty());
}

TEST_CASE("invite client: a non-2xx is acknowledged, again for every copy [RFC 3261 17.1.1.3]") {
  auto sent = request("INVITE");
  sent.add("Route", "<sip:p1;lr>, <sip:p2;lr>");
  sent.add("Via", "SIP/2.0/UDP behind;branch=z9hG4bKother");
  invite_client_transaction t{sent, false};
  (void)t.on(start{}, now);
  const auto effects = t.on(answer("INVITE", 486), now);
  CHECK(words(effects) == row{"stop A", "stop B", "send ACK", "up 486", "start D 32000"});
  CHECK(std::get<transmit>(effects[2]).bytes
        == crlf("ACK sip:bob@biloxi.com SIP/2.0\n"
                "Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\n"
                "Route: <sip:p1;lr>, <sip:p2;lr>\n"
                "Max-Forwards: 70\n"
                "From: Alice <sip:alice@atlanta.com>;tag=1928301774\n"
                "To: Bob <sip:bob@biloxi.com>;tag=a6c85cf\n"
                "Call-ID: a84b4c76e66710@pc33.atlanta.com\n"
                "CSeq: 314159 ACK\n"
                "Content-Length: 0\n\n"));
  CHECK(words(t.on(answer("INVITE", 486), now)) == row{"send ACK"});
  CHECK(t.on(answer("INVITE", 180), now).empty());
  CHECK(t.on(answer("INVITE", 200), now).empty());
  round_trips(t);
  CHECK(words(t.on(timer_fired{timer_name::d}, now)) == row{"end"});
}

TEST_CASE("invite client: every 2xx goes up until timer M [RFC 6026 7.2]") {
  auto t = invite();
  (void)t.on(start{}, now);
  (void)t.on(answer("INVITE", 180), now);
  CHECK(words(t.on(answer("INVITE", 200), now)) == row{"up 200", "start M 32000"});
  CHECK(words(t.on(answer("INVITE", 200), now)) == row{"up 200"});
  CHECK(t.on(answer("INVITE", 486), now).empty());
  CHECK(t.on(transport_failed{}, now).empty());
  round_trips(t);
  CHECK(words(t.on(timer_fired{timer_name::m}, now)) == row{"end"});
}

TEST_CASE("invite client: streams need no retransmission [RFC 3261 17.1.1.2]") {
  auto t = invite(true);
  CHECK(words(t.on(start{}, now)) == row{"send INVITE", "start B 32000"});
  CHECK(words(t.on(answer("INVITE", 404), now)) == row{"stop B", "send ACK", "up 404", "end"});
}

TEST_CASE("invite client: a failed send is an error to the user [RFC 3261 17.1.4]") {
  auto t = invite();
  (void)t.on(start{}, now);
  CHECK(words(t.on(transport_failed{}, now)) == row{"error", "end"});
  CHECK(t.on(transport_failed{}, now).empty());
}

TEST_CASE("invite client: a copy goes on where the original was") {
  auto t = invite();
  (void)t.on(start{}, now);
  (void)t.on(timer_fired{timer_name::a}, now);
  auto copy = *decode<invite_client_transaction>(encode(t));
  CHECK(copy == t);
  CHECK(copy.on(start{}, now).empty());
  CHECK(words(copy.on(timer_fired{timer_name::a}, now)) == row{"send INVITE", "start A 2000"});
}

TEST_CASE(
    "non-invite client: timer E doubles up to T2, T2 after a provisional [RFC 3261 17.1.2.2]") {
  auto t = options();
  CHECK(words(t.on(start{}, now)) == row{"send OPTIONS", "start E 500", "start F 32000"});
  for (const auto* next : {"start E 1000", "start E 2000", "start E 4000", "start E 4000"})
    CHECK(words(t.on(timer_fired{timer_name::e}, now)) == row{"send OPTIONS", next});
  auto early = options();
  (void)early.on(start{}, now);
  CHECK(words(early.on(answer("OPTIONS", 100), now)) == row{"up 100"});
  CHECK(words(early.on(timer_fired{timer_name::e}, now)) == row{"send OPTIONS", "start E 4000"});
  CHECK(words(early.on(timer_fired{timer_name::f}, now)) == row{"timed out", "end"});
}

TEST_CASE("non-invite client: a final response goes up once [RFC 3261 17.1.2.2]") {
  auto t = options();
  (void)t.on(start{}, now);
  CHECK(words(t.on(answer("OPTIONS", 200), now))
        == row{"stop E", "stop F", "up 200", "start K 5000"});
  CHECK(t.on(answer("OPTIONS", 200), now).empty());
  CHECK(t.on(timer_fired{timer_name::e}, now).empty());
  CHECK(t.on(transport_failed{}, now).empty());
  round_trips(t);
  CHECK(words(t.on(timer_fired{timer_name::k}, now)) == row{"end"});
  auto stream = options(true);
  CHECK(words(stream.on(start{}, now)) == row{"send OPTIONS", "start F 32000"});
  CHECK(words(stream.on(answer("OPTIONS", 200), now)) == row{"stop F", "up 200", "end"});
  auto broken = options();
  (void)broken.on(start{}, now);
  CHECK(words(broken.on(transport_failed{}, now)) == row{"error", "end"});
}

TEST_CASE("2xx: repeated at T1 doubling to T2 until its ACK [RFC 3261 13.3.1.4]") {
  two_hundred_retransmitter r{answer("INVITE", 200).received};
  CHECK(words(r.on(start{}, now)) == row{"send 200", "start G 500", "start H 32000"});
  for (const auto* next : {"start G 1000", "start G 2000", "start G 4000", "start G 4000"})
    CHECK(words(r.on(timer_fired{timer_name::g}, now)) == row{"send 200", next});
  round_trips(r);
  auto unacknowledged = r;
  CHECK(words(unacknowledged.on(timer_fired{timer_name::h}, now)) == row{"timed out", "end"});
  auto other = request("ACK");
  other.set("CSeq", "314160 ACK");
  CHECK(r.on(from_network{other}, now).empty());
  CHECK(words(r.on(from_network{request("ACK")}, now)) == row{"stop G", "stop H", "end"});
  CHECK_FALSE(r.active());
}

TEST_CASE("ACK: sent again for every copy of its 2xx [RFC 3261 13.2.2.4]") {
  auto ack = request("ACK", "z9hG4bKack");
  ack.set_to_tag("a6c85cf");
  ack_repeater r{ack};
  const auto first = r.on(start{}, now);
  CHECK(words(first) == row{"send ACK", "start M 32000"});
  CHECK(r.on(answer("INVITE", 200), now) == transaction_effects{first[0]});
  CHECK(r.on(answer("INVITE", 180), now).empty());
  CHECK(r.on(from_network{make_response(request("INVITE"), 200, "", "fork")}, now).empty());
  round_trips(r);
  CHECK(words(r.on(timer_fired{timer_name::m}, now)) == row{"end"});
  CHECK(r.on(answer("INVITE", 200), now).empty());
}
