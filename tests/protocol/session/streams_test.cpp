// Sessions whose peers are reached over streams: RFC 3261 17, 18.1.1, 18.2.2, RFC 5658.
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

const flow alice_over_tcp{alice_at, transport::tcp, "proxy-1/1.7"};
const flow bob_over_tcp{bob_at, transport::tcp};

std::vector<flow> ways(world& w, const endpoint& to, const std::string& method) {
  std::vector<flow> list;
  for (const auto& o : w.taken(to))
    if (o.message.method == method) list.push_back(o.to);
  return list;
}

// INVITE, 200 and ACK over TCP at alice's side; bob is called as his URI says.
struct stream_call {
  explicit stream_call(world& w) : alice{w, alice_over_tcp, "alice"}, bob{w, bob_over_tcp, "bob"} {
    alice.invite("sip:bob@example.com");
    invite = bob.expect("INVITE");
    bob.respond(invite, 200, offer);
    success = alice.expect("200");
    alice.learn(success);
    alice.ack();
    ack = bob.expect("ACK");
    w.sent.clear();
  }
  phone alice;
  phone bob;
  sip::message invite, success, ack;
};

} // namespace

TEST_CASE("streams: a URI with transport=tcp is called over TCP, once [RFC 3261 17.1.1.2]") {
  world w{b2bua_to("sip:192.0.2.20:5060;transport=tcp")};
  phone alice{w, alice_at, "alice"};
  alice.invite("sip:bob@example.com");
  w.wait(20s);
  const auto sent = w.taken(bob_at);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].to == flow{bob_at, transport::tcp});
  CHECK(sent[0].message.top_via()->transport == "TCP");
  const auto contact = sip::to_string(sent[0].message.contacts()->front().uri);
  CHECK(contact.find(";transport=tcp") != std::string::npos);
  w.wait(20s); // timer B runs on a stream too
  CHECK(w.seen(alice_at).back() == "408");
}

TEST_CASE("streams: responses leave over the flow of their request [RFC 3261 18.2.2]") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_over_tcp, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 486);
  std::size_t busy = 0;
  w.wait(20s); // no ACK: over UDP it would be repeated (17.2.1, timer G)
  for (const auto& o : w.taken(alice_at)) {
    CHECK(o.to == alice_over_tcp);
    busy += o.message.status == 486 ? 1 : 0;
  }
  CHECK(busy == 1);
}

TEST_CASE("streams: the 2xx to an INVITE is repeated all the same [RFC 3261 13.3.1.4]") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_over_tcp, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 200, offer);
  w.wait(2s);
  const auto seen = w.seen(alice_at);
  CHECK(std::count(seen.begin(), seen.end(), "200") == 3); // at 0, 0.5 and 1.5 s
}

TEST_CASE("streams: a connected user agent is reached over its connection, whatever its Contact") {
  world w{b2bua_to("sip:192.0.2.20:5060;transport=tcp")};
  stream_call c{w};
  c.bob.send(c.bob.in_dialog("BYE"));
  CHECK(ways(w, alice_at, "BYE") == std::vector{alice_over_tcp});

  SUBCASE("also after a failover") {
    world again{b2bua_to("sip:192.0.2.20:5060;transport=tcp")};
    stream_call d{again};
    again.crash(20ms);
    d.bob.send(d.bob.in_dialog("BYE"));
    CHECK(ways(again, alice_at, "BYE") == std::vector{alice_over_tcp});
  }
}

TEST_CASE("streams: the connection of the latest request in the dialog is the one") {
  world w{b2bua_to("sip:192.0.2.20:5060;transport=tcp")};
  stream_call c{w};
  const flow again{{"192.0.2.10", 40001}, transport::tcp, "proxy-2/5.1"};
  w.deliver(again, sip::to_bytes(c.alice.in_dialog("INFO")));
  c.bob.send(c.bob.in_dialog("BYE"));
  CHECK(ways(w, again, "BYE") == std::vector{again});
}

TEST_CASE("streams: behind another proxy the route set decides, not the connection") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_over_tcp, "alice"};
  phone bob{w, bob_at, "bob"};
  auto m = alice.request("INVITE", "sip:bob@example.com", offer);
  m.add("Via", "SIP/2.0/UDP 192.0.2.99;branch=z9hG4bK-first");
  m.add("Record-Route", "<sip:192.0.2.30:5070;transport=tcp;lr>");
  alice.send(m);
  bob.respond(bob.expect("INVITE"), 200, offer);
  const auto success = alice.expect("200");
  auto dialog = sip::make_uac_dialog(m, success);
  REQUIRE(dialog.has_value());
  alice.dialog = *dialog;
  alice.ack();
  bob.send(bob.in_dialog("BYE"));
  const auto byes = ways(w, {"192.0.2.30", 5070}, "BYE");
  REQUIRE(byes.size() == 1);
  CHECK(byes[0] == flow{{"192.0.2.30", 5070}, transport::tcp});
}

TEST_CASE("streams: a request too large for a datagram goes over TCP [RFC 3261 18.1.1]") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com", offer + std::string(1400, 'a'));
  const auto first = w.taken(bob_at);
  REQUIRE(first.size() == 1);
  CHECK(first[0].to == flow{bob_at, transport::tcp});
  CHECK(first[0].message.top_via()->transport == "TCP");

  SUBCASE("and as a datagram where nobody takes streams") {
    w.run(session::send_failed{first[0].message.top_via()->branch()});
    const auto second = w.taken(bob_at);
    REQUIRE(second.size() == 1);
    CHECK(second[0].to == flow{bob_at});
    CHECK(second[0].message.top_via()->transport == "UDP");
    w.wait(1s);
    CHECK(w.seen(bob_at) == strings{"INVITE"}); // timer A, now that it is one
    bob.respond(second[0].message, 200, offer);
    CHECK(w.seen(alice_at).back() == "200");
  }
  SUBCASE("once: what fails as a datagram too has failed") {
    w.run(session::send_failed{first[0].message.top_via()->branch()});
    w.run(session::send_failed{first[0].message.top_via()->branch()});
    const auto seen = w.seen(alice_at);
    CHECK(std::count_if(seen.begin(), seen.end(), [](const auto& s) { return s >= "400"; }) == 1);
  }
}

TEST_CASE("streams: what a proxy took along into death is said again, once answered no more") {
  world w{b2bua_to("sip:192.0.2.20:5060;transport=tcp")};
  stream_call c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  const auto info = c.bob.expect("INFO");
  const session::send_failed died{info.top_via()->branch(), true};
  w.run(died);
  CHECK(c.bob.expect("INFO").top_via()->branch() == info.top_via()->branch());
  c.bob.respond(info, 200);
  CHECK(w.seen(alice_at) == strings{"200"});
  w.run(died);
  CHECK(w.seen(bob_at).empty());
}

TEST_CASE("streams: what is unanswered after a takeover may never have left, and is said again") {
  world w{b2bua_to("sip:192.0.2.20:5060;transport=tcp")};
  stream_call c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  const auto info = c.bob.expect("INFO");
  w.crash(20ms);
  w.run(session::resumed{});
  SUBCASE("once, after T1") {
    w.wait(5s);
    const auto copies = w.taken(bob_at);
    REQUIRE(copies.size() == 1);
    CHECK(copies[0].message.top_via()->branch() == info.top_via()->branch());
  }
  SUBCASE("not if the answer comes") {
    c.bob.respond(info, 200);
    w.wait(5s);
    CHECK(w.seen(bob_at).empty());
  }
}

TEST_CASE("streams: a request that comes again over a new connection gets the same answer") {
  world w{b2bua_to("sip:192.0.2.20:5060;transport=tcp")};
  stream_call c{w};
  const auto info = c.alice.in_dialog("INFO");
  c.alice.send(info);
  c.bob.respond(c.bob.expect("INFO"), 200);
  CHECK(w.seen(alice_at) == strings{"200"});
  w.wait(5s);
  const flow again{{"192.0.2.10", 40001}, transport::tcp, "proxy-2/5.1"};
  w.deliver(again, sip::to_bytes(info));
  CHECK(w.seen(bob_at).empty());
  REQUIRE(w.sent.size() == 1);
  CHECK(w.sent[0].to == again);
  CHECK(w.sent[0].message.status == 200);
}

TEST_CASE("streams: what can not be sent counts as 503 [RFC 3261 8.1.3.1, 17.1.4]") {
  world w{b2bua_to("sip:192.0.2.20:5060;transport=tcp")};
  phone alice{w, alice_at, "alice"};
  alice.invite("sip:bob@example.com");
  w.run(session::send_failed{w.taken(bob_at)[0].message.top_via()->branch()});
  CHECK(w.seen(alice_at).back() == "500"); // the b2bua's own 503 is not the caller's overload
}

TEST_CASE("streams: a proxy writes two Record-Routes where the transport changes [RFC 5658]") {
  const auto over = [](const char* target, const flow& from) {
    world w{{{.application = "proxy",
              .methods = {},
              .domains = {},
              .users = {},
              .settings = {{"target", target}}}}};
    phone alice{w, from, "alice"};
    alice.invite("sip:bob@example.com");
    phone bob{w, bob_at, "bob"};
    std::vector<std::string> list;
    const auto invite = bob.expect("INVITE");
    for (const auto value : invite.headers("Record-Route"))
      list.push_back(value.find("transport=tcp") != std::string_view::npos ? "tcp" : "udp");
    return list;
  };
  CHECK(over("sip:192.0.2.20:5060;transport=tcp", alice_at) == strings{"tcp", "udp"});
  CHECK(over("sip:192.0.2.20:5060", alice_over_tcp) == strings{"udp", "tcp"});
  CHECK(over("sip:192.0.2.20:5060;transport=tcp", alice_over_tcp) == strings{"tcp"});
  CHECK(over("sip:192.0.2.20:5060", alice_at) == strings{"udp"});
}
