// Calls through the b2bua, as their two ends see them.
#include "protocol/applications/location.hpp"
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

struct b2bua_world : world {
  b2bua_world() : world{b2bua_to("192.0.2.20:5060")} {}
};

session::answered found(std::uint64_t id, const std::vector<applications::contact_location>& list) {
  return {.id = id,
          .what = session::answered::outcome::reply,
          .bytes = encode(applications::location_reply{.contacts = list, .unknown = {}})};
}

applications::contact_location at(const std::string& uri) {
  return {.uri = uri, .destination = {}, .unknown = {}};
}

} // namespace

TEST_CASE("b2bua: a call is set up with a Call-ID, tag and Contact of our own on either side") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  auto first = alice.request("INVITE", "sip:bob@example.com", offer);
  first.add("X-Unknown", "kept");
  alice.send(first);
  CHECK(w.seen(alice_at) == strings{"100"});
  CHECK(w.commits == 0); // class stable: nothing to keep yet
  const auto invite = bob.expect("INVITE");
  CHECK(invite.call_id() != "call-1");
  CHECK(w.env->tokens.verify(invite.from_tag()) == here);
  CHECK(w.env->tokens.verify(invite.top_via()->branch().substr(7)) == here);
  CHECK(w.env->tokens.verify(invite.contacts()->front().uri.user) == here);
  CHECK(invite.max_forwards() == 69U);
  CHECK(invite.request_uri == "sip:bob@192.0.2.20:5060");
  CHECK(invite.header("X-Unknown") == "kept");
  CHECK(invite.body == offer);
  bob.respond(invite, 180);
  const auto ringing = alice.expect("180");
  CHECK(w.env->tokens.verify(ringing.to_tag()) == here);
  bob.respond(invite, 200, "v=0 bob");
  CHECK(w.commits == 1); // both dialogs, before anybody hears of them
  const auto to_alice = w.taken(alice_at);
  REQUIRE(to_alice.size() == 1);
  CHECK(to_alice[0].message.status == 200);
  CHECK(to_alice[0].message.body == "v=0 bob");
  CHECK(to_alice[0].dependent);
  const auto to_bob = w.taken(bob_at);
  REQUIRE(to_bob.size() == 1);
  CHECK(to_bob[0].message.is("ACK"));
  CHECK(to_bob[0].dependent);
  CHECK(w.subject.stable());
}

TEST_CASE("b2bua: BYE of the caller is answered by us and made anew for the callee") {
  b2bua_world w;
  call c{w};
  c.alice.send(c.alice.in_dialog("BYE"));
  CHECK(w.seen(alice_at) == strings{"200"});
  const auto bye = c.bob.expect("BYE");
  CHECK_FALSE(c.bob.dialog->on_request(bye));
  CHECK(c.bob.dialog->matches_request(bye));
  c.bob.respond(bye, 200);
  CHECK_FALSE(w.subject.stable());
  w.wait(40s);
  CHECK(w.ended);
}

TEST_CASE("b2bua: BYE of the callee is answered by us and made anew for the caller") {
  b2bua_world w;
  call c{w};
  c.bob.send(c.bob.in_dialog("BYE"));
  CHECK(w.seen(bob_at) == strings{"200"});
  const auto bye = c.alice.expect("BYE");
  CHECK(c.alice.dialog->matches_request(bye));
  c.alice.respond(bye, 200);
  w.wait(40s);
  CHECK(w.ended);
}

TEST_CASE("b2bua: what is asked in a call is not asked again after its BYE [RFC 3261 15]") {
  b2bua_world w;
  call c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  const session::send_failed unsaid{.branch = c.bob.expect("INFO").top_via()->branch(),
                                    .unsaid = true};
  w.run(unsaid); // there is a proxy again
  CHECK(w.seen(bob_at) == strings{"INFO"});
  w.wait(1s);
  CHECK(w.seen(bob_at) == strings{"INFO"}); // over UDP it is repeated
  c.bob.send(c.bob.in_dialog("BYE"));
  CHECK(w.seen(bob_at) == strings{"200"});
  const auto told = w.taken(alice_at); // an answer, and that it is over
  REQUIRE(told.size() == 2);
  for (const auto& o : told) {
    CAPTURE(o.message.status);
    if (o.message.is("BYE")) c.alice.respond(o.message, 200);
  }
  w.run(unsaid);
  w.wait(40s);
  CHECK(w.seen(bob_at).empty());
  CHECK(w.seen(alice_at).empty());
  CHECK(w.ended);
}

TEST_CASE("b2bua: CANCEL while ringing ends both sides [RFC 3261 9.1, 9.2]") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 180);
  w.taken(alice_at);
  alice.cancel();
  CHECK(w.seen(alice_at) == strings{"200", "487"});
  const auto cancel = bob.expect("CANCEL");
  CHECK(cancel.top_via()->branch() == invite.top_via()->branch());
  bob.respond(cancel, 200);
  bob.respond(invite, 487);
  CHECK(w.seen(bob_at) == strings{"ACK"});
  w.wait(70s);
  CHECK(w.ended);
}

TEST_CASE("b2bua: CANCEL waits for a provisional response of the callee [RFC 3261 9.1]") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  alice.cancel();
  CHECK(w.seen(bob_at).empty());
  bob.respond(invite, 100);
  CHECK(w.seen(bob_at) == strings{"CANCEL"});
}

TEST_CASE("b2bua: a 200 that crosses the CANCEL is acknowledged and its call ended") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 180);
  alice.cancel();
  w.sent.clear();
  bob.respond(invite, 200, offer);
  CHECK(w.seen(bob_at) == strings{"ACK", "BYE"});
  CHECK(w.seen(alice_at).empty()); // she has her 487
  CHECK_FALSE(w.subject.stable());
}

TEST_CASE("b2bua: a cancelled callee that never answers is given up after 64*T1 [RFC 3261 9.1]") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 180);
  alice.cancel();
  w.wait(120s);
  CHECK(w.ended);
}

TEST_CASE("b2bua: the callee's refusal reaches the caller with its headers") {
  for (const int status : {486, 404, 603, 480}) {
    b2bua_world w;
    phone alice{w, alice_at, "alice"};
    phone bob{w, bob_at, "bob"};
    alice.invite("sip:bob@example.com");
    auto refusal = bob.response(bob.expect("INVITE"), status);
    refusal.add("X-Why", "because");
    bob.send(refusal);
    const auto heard = alice.expect(std::to_string(status));
    CHECK(heard.header("X-Why") == "because");
    alice.ack_failure(heard);
    w.sent.clear();
    w.wait(70s);
    CHECK(w.sent.empty());
    CHECK(w.ended);
  }
}

TEST_CASE("b2bua: 503 of a callee is 500 for the caller [RFC 3261 16.7]") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 503);
  alice.expect("500");
}

TEST_CASE(
    "b2bua: a callee that says nothing gives 408 after timer B, one that rings after timer C") {
  SUBCASE("nothing") {
    b2bua_world w;
    phone alice{w, alice_at, "alice"};
    alice.invite("sip:bob@example.com");
    w.wait(31s);
    CHECK(w.seen(alice_at) == strings{"100"});
    w.wait(2s);
    CHECK(w.taken(alice_at).front().message.status == 408);
  }
  SUBCASE("ringing") {
    b2bua_world w;
    phone alice{w, alice_at, "alice"};
    phone bob{w, bob_at, "bob"};
    alice.invite("sip:bob@example.com");
    bob.respond(bob.expect("INVITE"), 180);
    w.wait(179s);
    CHECK(w.seen(alice_at) == strings{"100", "180"});
    w.wait(2s);
    CHECK(w.taken(alice_at).front().message.status == 408);
    CHECK(w.seen(bob_at).front() == "CANCEL");
  }
}

TEST_CASE("b2bua: re-INVITE, its answer and its ACK go through in both directions") {
  b2bua_world w;
  call c{w};
  for (const bool by_caller : {true, false}) {
    auto& asking = by_caller ? c.alice : c.bob;
    auto& other = by_caller ? c.bob : c.alice;
    asking.send(asking.in_dialog("INVITE", "v=0 new offer"));
    const auto invite = other.expect("INVITE");
    CHECK(invite.body == "v=0 new offer");
    CHECK_FALSE(other.dialog->on_request(invite));
    other.respond(invite, 200, "v=0 new answer");
    const auto answer = asking.expect("200");
    CHECK(answer.body == "v=0 new answer");
    other.expect("ACK");
    asking.ack();
    w.sent.clear();
  }
  w.wait(80s);
  CHECK(w.sent.empty()); // every 2xx was acknowledged
}

TEST_CASE("b2bua: an INVITE while one of the other side is open gets 491 [RFC 3261 14.2]") {
  b2bua_world w;
  call c{w};
  c.alice.send(c.alice.in_dialog("INVITE", offer));
  c.bob.expect("INVITE");
  c.bob.send(c.bob.in_dialog("INVITE", offer));
  c.bob.expect("491");
}

TEST_CASE("b2bua: requests in a dialog and their answers are passed on, known method or not") {
  b2bua_world w;
  call c{w};
  for (const char* method : {"INFO", "UPDATE", "MESSAGE", "OPTIONS", "NOTIFY", "FROBNICATE"}) {
    c.alice.send(c.alice.in_dialog(method, "payload"));
    const auto there = c.bob.expect(method);
    CHECK(there.body == "payload");
    CHECK(w.seen(alice_at).empty());
    c.bob.respond(there, 202, "reply");
    CHECK(c.alice.expect("202").body == "reply");
  }
}

TEST_CASE(
    "b2bua: a side that answers 481 is gone, and the other is sent a BYE [RFC 3261 12.2.1.2]") {
  b2bua_world w;
  call c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  c.bob.respond(c.bob.expect("INFO"), 481);
  CHECK(w.seen(alice_at) == strings{"481", "BYE"});
}

TEST_CASE("b2bua: a late offer is answered by the caller's ACK, which carries its body on") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com", "");
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 200, offer);
  CHECK(w.seen(bob_at).empty());
  alice.learn(alice.expect("200"));
  alice.ack("v=0 the answer");
  CHECK(bob.expect("ACK").body == "v=0 the answer");
  // The ACK was lost: its copy goes out for each copy of the 2xx, byte for byte.
  bob.respond(invite, 200, offer);
  CHECK(bob.expect("ACK").body == "v=0 the answer");
}

TEST_CASE("b2bua: a caller that never ACKs costs both sides the call [RFC 3261 13.3.1.4]") {
  for (const auto& body : {offer, std::string{}}) {
    b2bua_world w;
    phone alice{w, alice_at, "alice"};
    phone bob{w, bob_at, "bob"};
    alice.invite("sip:bob@example.com", body);
    bob.respond(bob.expect("INVITE"), 200, offer);
    w.wait(31s);
    CHECK(w.subject.stable());
    w.sent.clear();
    w.wait(2s);
    const auto at_alice = w.seen(alice_at);
    CHECK(std::count(at_alice.begin(), at_alice.end(), "BYE") > 0);
    const auto at_bob = w.seen(bob_at);
    CHECK(std::count(at_bob.begin(), at_bob.end(), "BYE") > 0);
    CHECK_FALSE(w.subject.stable());
  }
}

TEST_CASE("b2bua: the callee's BYE reaches a caller that has not ACKed only after its ACK [RFC "
          "3261 15]") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 200, offer);
  alice.learn(alice.expect("200"));
  bob.send(bob.in_dialog("BYE"));
  CHECK(w.seen(alice_at).empty());
  alice.ack();
  CHECK(w.seen(alice_at) == strings{"BYE"});
}

TEST_CASE("b2bua: contacts of the registrar are tried one after the other, best first") {
  world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  phone carol{w, carol_at, "carol"};
  alice.invite("sip:bob@example.com");
  const auto asked = w.question();
  REQUIRE(asked.has_value());
  CHECK(asked->key == "aor:sip:bob@example.com");
  w.run(found(asked->id, {at("sip:bob@192.0.2.20:5060"), at("sip:carol@192.0.2.30:5060")}));
  bob.respond(bob.expect("INVITE"), 486);
  const auto second = carol.expect("INVITE");
  CHECK(w.seen(alice_at) == strings{"100"});
  carol.respond(second, 200, offer);
  alice.learn(alice.expect("200"));
  carol.expect("ACK");
}

TEST_CASE("b2bua: no binding is 404, no answer in time 480 with Retry-After, never a 404") {
  using outcome = session::answered::outcome;
  world w;
  phone alice{w, alice_at, "alice"};
  alice.invite("sip:bob@example.com");
  const auto id = w.question()->id;
  SUBCASE("no session") {
    w.run(session::answered{.id = id, .what = outcome::no_such_session, .bytes = {}});
    alice.expect("404");
  }
  SUBCASE("timed out") {
    w.run(session::answered{.id = id, .what = outcome::timed_out, .bytes = {}});
    CHECK(alice.expect("480").has("Retry-After"));
  }
  SUBCASE("the answer itself is lost") {
    w.wait(3s);
    CHECK(alice.expect("480").has("Retry-After"));
  }
  SUBCASE("nobody there any more") {
    w.run(found(id, {}));
    alice.expect("480");
  }
}

TEST_CASE("b2bua: a contact behind a NAT is reached where its REGISTER came from, throughout") {
  world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  auto hidden = at("sip:bob@10.0.0.5:5060");
  hidden.destination = to_string(bob_at);
  w.run(found(w.question()->id, {hidden}));
  const auto invite = bob.expect("INVITE");
  CHECK(invite.request_uri == "sip:bob@10.0.0.5:5060");
  auto ok = bob.response(invite, 200, offer);
  ok.set("Contact", "<sip:bob@10.0.0.5:5060>");
  bob.send(ok);
  CHECK(w.seen(bob_at) == strings{"ACK"});
  alice.learn(alice.expect("200"));
  alice.ack();
  alice.send(alice.in_dialog("BYE"));
  CHECK(w.seen(bob_at) == strings{"BYE"});
}

TEST_CASE("b2bua: Max-Forwards counts down to a 483, so that a call to ourselves ends") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  auto spent = alice.request("INVITE", "sip:bob@example.com", offer);
  spent.set("Max-Forwards", "0");
  alice.send(spent);
  CHECK(w.seen(alice_at) == strings{"483"});
  CHECK(w.seen(bob_at).empty());
}

TEST_CASE("b2bua: a MESSAGE outside a dialog reaches the callee, and its answer the caller") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.send(alice.request("MESSAGE", "sip:bob@example.com", "hello"));
  const auto there = bob.expect("MESSAGE");
  CHECK(there.body == "hello");
  bob.respond(there, 200);
  alice.expect("200");
}

TEST_CASE(
    "b2bua: a failed transport counts as 503 and the next contact is tried [RFC 3261 8.1.3.1]") {
  world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  phone carol{w, carol_at, "carol"};
  alice.invite("sip:bob@example.com");
  w.run(found(w.question()->id, {at("sip:bob@192.0.2.20:5060"), at("sip:carol@192.0.2.30:5060")}));
  w.run(session::send_failed{.branch = bob.expect("INVITE").top_via()->branch()});
  carol.expect("INVITE");
}
