#include "protocol/cluster/routing.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/sip/parser.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

const token_ring ring{{{1, "0123456789abcdef"}}};
const session_address ours{shard_id{17}, session_id{0xabcdef}};
const std::string token = ring.issue(ours);
constexpr std::uint16_t shards = 256;

std::string request(const std::string& line, const std::string& to_tag, const std::string& method,
                    const std::string& more = "") {
  const auto text = line + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"
                    + "From: <sip:alice@example.com>;tag=1928\r\nTo: <sip:bob@example.com>"
                    + (to_tag.empty() ? "" : ";tag=" + to_tag) + "\r\nCall-ID: c1\r\nCSeq: 1 "
                    + method + "\r\nMax-Forwards: 70\r\n" + more + "Content-Length: 0\r\n\r\n";
  return text;
}

std::string response(const std::string& branch, const std::string& from_tag) {
  const auto text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=" + branch
                    + "\r\nFrom: <sip:a@b>;tag=" + from_tag
                    + "\r\nTo: <sip:c@d>;tag=9\r\nCall-ID: c2\r\nCSeq: 1 BYE\r\n\r\n";
  return text;
}

std::optional<route> routed(const std::string& text, const token_ring& tokens,
                            std::uint16_t shard_count) {
  sip::message_view m;
  REQUIRE_FALSE(m.read(text));
  REQUIRE_FALSE(sip::check_message(m));
  return route_of(m, tokens, shard_count);
}

} // namespace

TEST_CASE("route: a request in a dialog follows its To-tag, whatever the Request-URI [design, "
          "token table]") {
  // What stock SIPp sends: the address it called, and our To-tag.
  const auto r = routed(request("BYE sip:service@127.0.0.1", token, "BYE"), ring, shards);
  REQUIRE(r);
  CHECK(r->to == ours);
  CHECK_FALSE(r->may_create);
}

TEST_CASE("route: our Route comes before the To-tag, the Request-URI after it") {
  const session_address other{shard_id{3}, session_id{5}};
  const auto by_route = routed(request("BYE sip:x@y", "foreign", "BYE",
                                       "Route: <sip:" + ring.issue(other) + "@127.0.0.1;lr>\r\n"),
                               ring, shards);
  CHECK(by_route->to == other);
  const auto by_uri =
      routed(request("BYE sip:" + token + "@127.0.0.1", "foreign", "BYE"), ring, shards);
  CHECK(by_uri->to == ours);
}

TEST_CASE(
    "route: a forged token is somebody else's tag and goes by the directory, creating nothing") {
  auto forged = token;
  forged[5] = forged[5] == 'a' ? 'b' : 'a';
  const auto r = routed(request("BYE sip:bob@example.com", forged, "BYE"), ring, shards);
  REQUIRE(r);
  CHECK(r->to.session.value == 0);
  CHECK_FALSE(r->may_create);
}

TEST_CASE("route: INVITE, its copy, CANCEL and ACK to a failure share one home shard") {
  const auto invite = routed(request("INVITE sip:bob@example.com", "", "INVITE"), ring, shards);
  const auto cancel = routed(request("CANCEL sip:bob@example.com", "", "CANCEL"), ring, shards);
  const auto ack = routed(request("ACK sip:bob@example.com", "foreign", "ACK"), ring, shards);
  CHECK(invite->key == cancel->key);
  CHECK(invite->key == ack->key);
  CHECK(invite->to.shard == ack->to.shard);
  CHECK(invite->may_create);
  CHECK_FALSE(cancel->may_create);
  CHECK_FALSE(ack->may_create);
}

TEST_CASE("route: REGISTER goes by address of record, whoever sends it") {
  const auto one = routed(request("REGISTER sip:example.com", "", "REGISTER"), ring, shards);
  CHECK(one->by_address_of_record);
  CHECK(one->key == "aor:sip:bob@example.com");
  CHECK(one->to.shard == home_shard(one->key, shards));
}

TEST_CASE("route: a response follows our branch, then our From-tag; others are dropped") {
  CHECK(routed(response("z9hG4bK" + token + ".1", "x"), ring, shards)->to == ours);
  CHECK(routed(response("z9hG4bKforeign", token), ring, shards)->to == ours);
  CHECK_FALSE(routed(response("z9hG4bKforeign", "x"), ring, shards));
}

TEST_CASE("route: a token of a shard that does not exist is not believed") {
  const auto r = routed(request("BYE sip:bob@example.com", token, "BYE"), ring, 16);
  CHECK(r->to.session.value == 0);
}

TEST_CASE("route: the key in place is the key of the session's own messages") {
  for (const auto& text :
       {request("INVITE sip:bob@example.com", "", "INVITE"),
        request("REGISTER sip:example.com", "", "REGISTER"),
        request("SUBSCRIBE sip:B%6fb@Example.com:5060", "", "SUBSCRIBE", "Event: reg;x=y\r\n"),
        request("SUBSCRIBE sip:bob@example.com", "", "SUBSCRIBE", "Event: presence\r\n"),
        request("OPTIONS sip:example.com", "", "OPTIONS")}) {
    CAPTURE(text);
    const auto copy = sip::parse(text);
    REQUIRE(copy.has_value());
    const auto r = routed(text, ring, shards);
    REQUIRE(r);
    CHECK(r->key == session::directory_key_of(*copy));
    CHECK(r->by_address_of_record == session::concerns_registration(*copy));
  }
}
