#include "protocol/core/codec.hpp"
#include "protocol/sip/invite_server_transaction.hpp"
#include "protocol/sip/non_invite_server_transaction.hpp"
#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/transaction_key.hpp"
#include "tests/protocol/sip/sip_test.hpp"

using namespace holdfast;
using namespace holdfast::sip;
using namespace holdfast::sip::test;

namespace {

constexpr instant now{};

from_user answer(std::string_view method, int status) {
  return {make_response(request(method), status, "", "a6c85cf")};
}
from_network copy_of(std::string_view method) {
  return {request(method)};
}

template <class T>
void round_trips(const T& x) {
  const auto copy = decode<T>(encode(x));
  REQUIRE(copy.has_value());
  CHECK(*copy == x);
}

} // namespace

TEST_CASE("invite server: one upcall; copies get the last provisional [RFC 3261 17.2.1]") {
  invite_server_transaction t{request("INVITE"), false};
  CHECK(words(t.on(start{}, now)) == row{"up INVITE"});
  CHECK(t.on(copy_of("INVITE"), now).empty());
  CHECK(words(t.on(answer("INVITE", 100), now)) == row{"send 100"});
  CHECK(words(t.on(answer("INVITE", 180), now)) == row{"send 180"});
  CHECK(words(t.on(copy_of("INVITE"), now)) == row{"send 180"});
  CHECK(t.on(copy_of("ACK"), now).empty());
  round_trips(t);
}

TEST_CASE(
    "invite server: timer G repeats a non-2xx until the ACK, timer H gives up [RFC 3261 17.2.1]") {
  invite_server_transaction t{request("INVITE"), false};
  (void)t.on(start{}, now);
  CHECK(words(t.on(answer("INVITE", 486), now)) == row{"send 486", "start G 500", "start H 32000"});
  for (const auto* next : {"start G 1000", "start G 2000", "start G 4000", "start G 4000"})
    CHECK(words(t.on(timer_fired{timer_name::g}, now)) == row{"send 486", next});
  CHECK(words(t.on(copy_of("INVITE"), now)) == row{"send 486"});
  CHECK(t.on(answer("INVITE", 200), now).empty());
  round_trips(t);
  auto unacknowledged = t;
  CHECK(words(unacknowledged.on(timer_fired{timer_name::h}, now)) == row{"timed out", "end"});
  CHECK(words(t.on(copy_of("ACK"), now)) == row{"stop G", "stop H", "start I 5000"});
  CHECK(t.on(copy_of("ACK"), now).empty());
  CHECK(t.on(copy_of("INVITE"), now).empty());
  CHECK(t.on(timer_fired{timer_name::g}, now).empty());
  CHECK(words(t.on(timer_fired{timer_name::i}, now)) == row{"end"});
}

TEST_CASE("invite server: after a 2xx it absorbs INVITEs and passes ACKs up [RFC 6026 7.1]") {
  invite_server_transaction t{request("INVITE"), false};
  (void)t.on(start{}, now);
  CHECK(words(t.on(answer("INVITE", 200), now)) == row{"send 200", "start L 32000"});
  CHECK(t.on(copy_of("INVITE"), now).empty());
  CHECK(words(t.on(answer("INVITE", 200), now)) == row{"send 200"});
  CHECK(t.on(answer("INVITE", 486), now).empty());
  CHECK(words(t.on(copy_of("ACK"), now)) == row{"up ACK"});
  round_trips(t);
  CHECK(words(t.on(timer_fired{timer_name::l}, now)) == row{"end"});
}

TEST_CASE("invite server: a failed send is told and ends nothing [RFC 6026 7.1]") {
  invite_server_transaction t{request("INVITE"), false};
  (void)t.on(start{}, now);
  (void)t.on(answer("INVITE", 200), now);
  CHECK(words(t.on(transport_failed{}, now)) == row{"error"});
  CHECK(t.on(copy_of("INVITE"), now).empty());
  CHECK(t.state() == invite_server_transaction::state_type::accepted);
}

TEST_CASE("invite server: streams need no timer G and no timer I [RFC 3261 17.2.1]") {
  invite_server_transaction t{request("INVITE"), true};
  (void)t.on(start{}, now);
  CHECK(words(t.on(answer("INVITE", 404), now)) == row{"send 404", "start H 32000"});
  CHECK(words(t.on(copy_of("ACK"), now)) == row{"stop H", "end"});
}

TEST_CASE("non-invite server: one upcall; the same response for every copy [RFC 3261 17.2.2]") {
  non_invite_server_transaction t{request("BYE"), false};
  CHECK(words(t.on(start{}, now)) == row{"up BYE"});
  CHECK(t.on(copy_of("BYE"), now).empty());
  CHECK(t.on(answer("BYE", 100), now).empty()); // RFC 4320 4.1: too early over UDP
  for (int i = 0; i < 2; ++i) CHECK(t.on(copy_of("BYE"), now).empty());
  CHECK(words(t.on(answer("BYE", 100), now)) == row{"send 100"});
  CHECK(words(t.on(copy_of("BYE"), now)) == row{"send 100"});
  const auto final = t.on(answer("BYE", 200), now);
  CHECK(words(final) == row{"send 200", "start J 32000"});
  CHECK(t.on(copy_of("BYE"), now) == transaction_effects{final[0]});
  CHECK(t.on(answer("BYE", 500), now).empty());
  round_trips(t);
  CHECK(words(t.on(timer_fired{timer_name::j}, now)) == row{"end"});
  CHECK(t.on(copy_of("BYE"), now).empty());
}

TEST_CASE("non-invite server: streams need no timer J; a failed send ends it [RFC 3261 17.2.4]") {
  non_invite_server_transaction stream{request("BYE"), true};
  (void)stream.on(start{}, now);
  CHECK(words(stream.on(answer("BYE", 200), now)) == row{"send 200", "end"});
  non_invite_server_transaction t{request("BYE"), false};
  (void)t.on(start{}, now);
  (void)t.on(answer("BYE", 200), now);
  CHECK(words(t.on(transport_failed{}, now)) == row{"error", "end"});
}

TEST_CASE("keys: who belongs to a server transaction [RFC 3261 17.2.3]") {
  const auto invite = request("INVITE");
  const auto key = server_key(invite);
  REQUIRE(key.has_value());
  CHECK(server_key(request("ACK")) == key);
  CHECK(server_key(request("INVITE", "z9hG4bKother")) != key);
  auto stamped = invite;
  stamped.set("Via", "SIP/2.0/UDP PC33.atlanta.com;received=192.0.2.1;branch=z9hG4bK776asdhds");
  CHECK(server_key(stamped) == key);
  auto elsewhere = invite;
  elsewhere.set("Via", "SIP/2.0/UDP pc34.atlanta.com;branch=z9hG4bK776asdhds");
  CHECK(server_key(elsewhere) != key);
  const auto cancel = make_cancel(invite);
  CHECK(cancel.header("CSeq") == "314159 CANCEL");
  CHECK(server_key(cancel) != key);
  CHECK(cancelled_key(cancel) == key);
}

TEST_CASE("keys: without the magic cookie the fields are compared [RFC 3261 17.2.3]") {
  for (const auto* branch : {"7", "z9hG4bK"}) {
    const auto invite = request("INVITE", branch);
    const auto key = server_key(invite);
    auto ack = request("ACK", branch);
    ack.set_to_tag("ours");
    CHECK(server_key(ack) == key);
    auto stamped = invite;
    stamped.set("Via", std::string{*invite.header("Via")} + ";received=192.0.2.1");
    CHECK(server_key(stamped) == key);
    auto next = invite;
    next.set("CSeq", "314160 INVITE");
    CHECK(server_key(next) != key);
    auto other = invite;
    other.set("Call-ID", "other");
    CHECK(server_key(other) != key);
  }
}

TEST_CASE("keys: a response finds its request by branch and CSeq method [RFC 3261 17.1.3]") {
  const auto invite = request("INVITE");
  const auto cancel = make_cancel(invite);
  CHECK(client_key(make_response(invite, 180)) == client_key(invite));
  CHECK(client_key(make_response(cancel, 200)) == client_key(cancel));
  CHECK(client_key(cancel) != client_key(invite));
}
