// Over which flow a dialog reaches its peer: where it is registered now when its connection is
// gone, and through its NAT (RFC 5626 5.3, RFC 3581).
#include "protocol/applications/location.hpp"
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

const flow first_connection{bob_at, transport::tcp, "proxy-1/1.7"};
const flow next_connection{endpoint{"192.0.2.20", 40112}, transport::tcp, "proxy-2/1.3"};
const std::string bobs_contact = "sip:bob@192.0.2.20:5060;transport=tcp";

session::answered bound_at(std::uint64_t id, const std::vector<flow>& flows) {
  applications::location_reply reply;
  for (const auto& each : flows)
    reply.contacts.push_back(
        {.uri = bobs_contact, .destination = to_string(each), .path = {}, .unknown = {}});
  return {.id = id, .what = session::answered::outcome::reply, .bytes = encode(reply)};
}

// Alice, over UDP, is in a call with bob, who is registered over TCP.
struct call_to_the_connected {
  explicit call_to_the_connected(world& at)
      : w{at}, alice{at, alice_at, "alice"}, bob{at, first_connection, "bob"} {
    alice.invite("sip:bob@example.com");
    w.run(bound_at(w.question()->id, {first_connection}));
    const auto invite = last_to_bob(first_connection);
    bob.respond(invite, 200, offer);
    alice.learn(alice.expect("200"));
    alice.ack();
    w.sent.clear();
  }

  sip::message last_to_bob(const flow& over) {
    const auto found =
        std::find_if(w.sent.rbegin(), w.sent.rend(), [&](const output& o) { return o.to == over; });
    REQUIRE(found != w.sent.rend());
    auto m = found->message;
    w.sent.clear();
    return m;
  }

  void fail(const sip::message& request) {
    w.run(session::send_failed{.branch = request.top_via()->branch()});
  }

  world& w;
  phone alice;
  phone bob;
};

} // namespace

TEST_CASE("reconnection: a request goes to the flow that its peer registered with meanwhile "
          "[RFC 5626 5.3]") {
  world w;
  call_to_the_connected c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  const auto info = c.last_to_bob(first_connection);
  c.fail(info);
  const auto asked = w.question();
  REQUIRE(asked.has_value());
  CHECK(asked->key == "aor:sip:bob@example.com");
  CHECK(w.sent.empty()); // alice is not told of a failure
  w.run(bound_at(asked->id, {next_connection}));
  const auto again = c.last_to_bob(next_connection);
  CHECK(again == info);
  // What comes next goes there at once, also after a failover.
  w.crash(1s);
  c.alice.send(c.alice.in_dialog("INFO"));
  CHECK(c.last_to_bob(next_connection).is("INFO"));
}

TEST_CASE("reconnection: until the peer has come back its BYE is said every T2, 64*T1 long") {
  world w;
  call_to_the_connected c{w};
  c.alice.send(c.alice.in_dialog("BYE"));
  const auto bye = c.last_to_bob(first_connection);
  for (int i = 0; i < 3; ++i) {
    c.fail(bye);
    w.run(bound_at(w.question()->id, {first_connection}));
    CHECK(w.sent.empty());
    w.wait(4s);
    CHECK(c.last_to_bob(first_connection) == bye);
  }
  c.fail(bye);
  w.run(bound_at(w.question()->id, {next_connection}));
  CHECK(c.last_to_bob(next_connection) == bye);
  w.wait(70s);
  CHECK(w.ended);
}

TEST_CASE("reconnection: over another transport the request says so in its Via") {
  world w;
  w.env->advertised_tls = {"192.0.2.1", 5061};
  call_to_the_connected c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  const auto info = c.last_to_bob(first_connection);
  c.fail(info);
  const flow secured{next_connection, transport::tls, "proxy-2/1.3"};
  w.run(bound_at(w.question()->id, {secured}));
  const auto again = c.last_to_bob(secured);
  CHECK(again.top_via()->transport == "TLS");
  CHECK(again.top_via()->sent_by() == "192.0.2.1:5061");
  CHECK(again.top_via()->branch() == info.top_via()->branch());
  c.bob.respond(again, 200);
  CHECK(w.seen(alice_at) == strings{"200"});
}

TEST_CASE("reconnection: who is registered nowhere has failed [RFC 3261 8.1.3.1]") {
  world w;
  call_to_the_connected c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  c.fail(c.last_to_bob(first_connection));
  w.run(bound_at(w.question()->id, {}));
  CHECK(w.seen(alice_at) == strings{"500"}); // 503 would be about us
}

TEST_CASE("reconnection: of two devices of one user neither is guessed at") {
  world w;
  call_to_the_connected c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  c.fail(c.last_to_bob(first_connection));
  applications::location_reply reply;
  for (const auto* port : {"7001", "7002"})
    reply.contacts.push_back({.uri = std::string{"sip:bob@192.0.2.99:"} + port,
                              .destination = {},
                              .path = {},
                              .unknown = {}});
  w.run(session::answered{w.question()->id, session::answered::outcome::reply, encode(reply)});
  CHECK(w.seen(alice_at) == strings{"500"});
}

namespace {

// Alice's request as her NAT passes it on: what she says of herself stays.
std::string from_inside(sip::message m, const std::string& contact) {
  auto top = *m.top_via();
  top.host = "192.168.1.5";
  top.port = 5060;
  sip::set_param(top.params, "rport", std::nullopt);
  m.replace_first("Via", sip::to_string(top));
  sip::stamp_source(m, endpoint{"203.0.113.9", 31022});
  if (!contact.empty()) m.set("Contact", contact);
  return sip::to_bytes(m);
}

const flow through_the_nat{endpoint{"203.0.113.9", 31022}};

} // namespace

TEST_CASE("flows: a caller behind a NAT is sent requests where its own came from [RFC 5626 5.3]") {
  struct row {
    std::string contact;
    flow bye_goes_to;
  };
  const std::vector<row> rows = {
      {"<sip:alice@192.168.1.5:5060>", through_the_nat},
      {"<sip:alice@192.168.1.5>", through_the_nat},
      {"<sip:alice@198.51.100.7:5080;ob>", through_the_nat},
      // Somebody who names another place means it.
      {"<sip:alice@198.51.100.7:5080>", flow{endpoint{"198.51.100.7", 5080}}},
      {"<sip:alice@phone.example.com>", flow{endpoint{"phone.example.com", 5060}}},
      // What we lent her leads to us, what another domain lent her leads there (RFC 5627 3.4).
      {"<sip:alice@example.org;gr=urn:uuid:1>", through_the_nat},
      {"<sip:alice@example.org>", flow{endpoint{"example.org", 5060}}},
      {"<sip:alice@example.net;gr=urn:uuid:1>", flow{endpoint{"example.net", 5060}}},
  };
  for (const auto& r : rows) {
    INFO(r.contact);
    world w{b2bua_to("192.0.2.20:5060")};
    w.env->domains = {"example.org"};
    phone alice{w, alice_at, "alice"};
    phone bob{w, bob_at, "bob"};
    const auto invite = alice.request("INVITE", "sip:bob@example.com", offer);
    w.deliver(through_the_nat, from_inside(invite, r.contact));
    bob.respond(bob.expect("INVITE"), 200, offer);
    const auto success = w.taken(through_the_nat);
    REQUIRE_FALSE(success.empty());
    auto dialog = sip::make_uac_dialog(invite, success.back().message);
    REQUIRE(dialog.has_value());
    auto ack = dialog->make_ack(1);
    ack.prepend("Via", "SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK-ack");
    ack.add("Max-Forwards", "70");
    w.deliver(through_the_nat, from_inside(ack, ""));
    w.sent.clear();
    bob.send(bob.in_dialog("BYE"));
    CHECK(w.taken(r.bye_goes_to).size() == 1);
  }
}

TEST_CASE("flows: a callee with a GRUU of ours is sent requests where it was called "
          "[RFC 5627 3.4]") {
  world w{b2bua_to("192.0.2.20:5060")};
  w.env->domains = {"example.org"};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  auto success = bob.response(bob.expect("INVITE"), 200, offer);
  success.set("Contact", "<sip:bob@example.org;gr=urn:uuid:2>");
  bob.send(success);
  alice.learn(alice.expect("200"));
  alice.ack();
  CHECK(bob.expect("ACK").request_uri == "sip:bob@example.org;gr=urn:uuid:2");
  w.crash(1s);
  alice.send(alice.in_dialog("INFO"));
  CHECK(bob.expect("INFO").request_uri == "sip:bob@example.org;gr=urn:uuid:2");
  alice.send(alice.in_dialog("BYE"));
  CHECK(bob.expect("BYE").request_uri == "sip:bob@example.org;gr=urn:uuid:2");
}
