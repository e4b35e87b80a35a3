// A node dies and another one restores what was committed: what the two ends of a call must not
// notice (design, "Commit before output", "What survives means").
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

struct b2bua_world : world {
  b2bua_world() : world{b2bua_to("192.0.2.20:5060")} {}
};

std::uint32_t cseq_of(const sip::message& m) {
  return m.cseq()->number;
}

} // namespace

TEST_CASE("failover: a call that stands continues in both directions with higher CSeq") {
  b2bua_world w;
  call c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  const auto before = c.bob.expect("INFO");
  c.bob.respond(before, 200);
  w.sent.clear();
  w.crash(300ms);
  c.alice.send(c.alice.in_dialog("INFO"));
  const auto after = c.bob.expect("INFO");
  CHECK(c.bob.dialog->matches_request(after)); // Call-ID and both tags
  CHECK(cseq_of(after) > cseq_of(before));
  CHECK(after.top_via()->branch() != before.top_via()->branch());
  c.bob.respond(after, 200);
  c.alice.expect("200");
  c.bob.send(c.bob.in_dialog("INVITE", offer));
  const auto invite = c.alice.expect("INVITE");
  CHECK(c.alice.dialog->matches_request(invite));
  c.alice.respond(invite, 200, offer);
  c.bob.expect("200");
  c.bob.ack();
  w.crash(300ms);
  c.bob.send(c.bob.in_dialog("BYE"));
  CHECK(w.seen(bob_at).back() == "200");
  CHECK(c.alice.dialog->matches_request(c.alice.expect("BYE")));
}

TEST_CASE("failover: CSeq goes on above requests that the restored snapshot has not seen") {
  b2bua_world w;
  call c{w};
  const auto held = w.held;
  c.alice.send(c.alice.in_dialog("INFO"));
  const auto unseen = c.bob.expect("INFO");
  w.held = held;
  w.crash();
  c.alice.send(c.alice.in_dialog("INFO"));
  CHECK(cseq_of(c.bob.expect("INFO")) > cseq_of(unseen));
}

TEST_CASE("failover: many in a row keep the call, and every CSeq is new to the other side") {
  b2bua_world w;
  call c{w};
  std::uint32_t last = 0;
  for (int i = 0; i < 20; ++i) {
    w.crash(50ms);
    c.alice.send(c.alice.in_dialog("INFO"));
    const auto info = c.bob.expect("INFO");
    CHECK(cseq_of(info) > last);
    last = cseq_of(info);
    c.bob.respond(info, 200);
    c.alice.expect("200");
  }
}

TEST_CASE("failover: between our 200 and the caller's ACK the 200 goes on, and the call stands") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 200, offer);
  const auto first = alice.expect("200");
  const auto ack = bob.expect("ACK");
  w.crash(400ms);
  w.wait(1s);
  CHECK(alice.expect("200") == first);
  bob.respond(invite, 200, offer);
  CHECK(bob.expect("ACK") == ack); // the callee's copy too gets the same ACK
  alice.learn(first);
  alice.ack();
  w.sent.clear();
  w.wait(60s);
  CHECK(w.sent.empty());
  alice.send(alice.in_dialog("BYE"));
  CHECK(w.seen(bob_at) == strings{"BYE"});
}

TEST_CASE("failover: a caller that has not ACKed by then still costs both sides the call, once") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 200, offer);
  w.wait(10s);
  w.crash(1s);
  w.sent.clear();
  w.wait(20s);
  CHECK(w.subject.stable());
  w.sent.clear();
  w.wait(1500ms);
  const auto at_bob = w.seen(bob_at);
  CHECK(std::count(at_bob.begin(), at_bob.end(), "BYE") >= 1);
  w.wait(1s);
  CHECK_FALSE(w.subject.stable());
}

TEST_CASE("failover: the caller's ACK is committed, so the new owner does not repeat the 200") {
  b2bua_world w;
  call c{w};
  w.crash(100ms);
  w.wait(60s);
  CHECK(w.seen(alice_at).empty());
  CHECK(w.subject.stable());
}

TEST_CASE("failover: a BYE whose 200 was lost with its node gets the same 200 again") {
  b2bua_world w;
  call c{w};
  const auto bye = c.alice.in_dialog("BYE");
  c.alice.send(bye);
  const auto first = c.alice.expect("200");
  const auto onward = c.bob.expect("BYE");
  w.crash(200ms);
  c.alice.send(bye);
  CHECK(c.alice.expect("200") == first);
  // And our own BYE is repeated until the callee has answered it.
  w.wait(1s);
  CHECK(c.bob.expect("BYE") == onward);
  c.bob.respond(onward, 200);
  w.sent.clear();
  w.wait(70s);
  CHECK(w.sent.empty());
  CHECK(w.ended);
}

TEST_CASE("failover: a BYE that came with the crash is handled by the new owner") {
  b2bua_world w;
  call c{w};
  const auto bye = c.alice.in_dialog("BYE");
  auto lost = w.subject; // the old owner's output never left
  (void)lost.on(session::received{sip::to_bytes(bye), alice_at, "proxy-1"}, w.now);
  w.crash(200ms);
  c.alice.send(bye);
  CHECK(w.seen(alice_at) == strings{"200"});
  CHECK(w.seen(bob_at) == strings{"BYE"});
}

TEST_CASE("failover: an INFO under way is repeated and answered, never 481 or 408") {
  b2bua_world w;
  call c{w};
  const auto info = c.alice.in_dialog("INFO");
  c.alice.send(info);
  const auto there = c.bob.expect("INFO");
  w.crash(100ms);
  c.alice.send(info);
  CHECK(w.seen(alice_at).empty());
  w.wait(600ms);
  CHECK(c.bob.expect("INFO") == there);
  c.bob.respond(there, 200);
  c.alice.expect("200");
}

TEST_CASE("failover: a refusal is repeated until its ACK, byte for byte") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 486);
  const auto busy = alice.expect("486");
  w.crash(100ms);
  w.wait(600ms);
  CHECK(alice.expect("486") == busy);
  alice.ack_failure(busy);
  w.sent.clear();
  w.wait(70s);
  CHECK(w.sent.empty());
  CHECK(w.ended);
}

TEST_CASE("failover: a 2xx for an INVITE that the new owner does not know gets ACK, then BYE") {
  b2bua_world w;
  call c{w};
  // The session is restored from before it had sent this INVITE.
  auto stranger = c.alice.request("INVITE", "sip:bob@example.com");
  stranger.set("Call-ID", "forgotten");
  stranger.set("From", "<sip:alice@example.com>;tag=" + w.env->tokens.issue(here) + "-99");
  phone carol{w, carol_at, "carol"};
  carol.send(carol.response(stranger, 200, offer));
  CHECK(w.seen(carol_at) == strings{"ACK", "BYE"});
  carol.send(carol.response(stranger, 200, offer));
  CHECK(w.seen(carol_at) == strings{"ACK"}); // the BYE has its own repetition
  w.wait(600ms);
  CHECK(w.seen(carol_at) == strings{"BYE"});
  CHECK(w.subject.stable()); // the call is not concerned
}

TEST_CASE("failover: each timer fires once, at the time that is left of it") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 200, offer);
  w.sent.clear();
  w.wait(1600ms); // copies of the 2xx at 0.5 and 1.5 s; the next is due at 3.5 s
  CHECK(w.seen(alice_at) == strings{"200", "200"});
  w.held = w.subject.snapshot(w.now);
  w.held_since = w.now;
  w.crash(400ms);
  w.wait(1400ms);
  CHECK(w.seen(alice_at).empty());
  w.wait(200ms);
  CHECK(w.seen(alice_at) == strings{"200"});
}

TEST_CASE("snapshot: restoring changes nothing, and fields of a newer version are kept") {
  b2bua_world w;
  call c{w};
  auto written = w.subject.snapshot(w.now);
  // A field that this version does not know: tag 1000, a varint.
  codec::put_varint(written, 1000 * 2);
  codec::put_varint(written, 5);
  const auto restored = session::session::restore(w.env, here, written, 0ms, w.now, 99);
  REQUIRE(restored.has_value());
  std::string tail;
  codec::put_varint(tail, 1000 * 2);
  codec::put_varint(tail, 5);
  CHECK(restored->snapshot(w.now).ends_with(tail));
  CHECK(restored->keys() == w.subject.keys());
  CHECK(restored->application() == "b2bua");
  CHECK(restored->stable());
  CHECK(restored->next_deadline() == w.subject.next_deadline());
  MESSAGE("a call that stands takes ", written.size(), " bytes");
}

TEST_CASE("snapshot: malformed bytes and unknown applications are errors, not sessions") {
  b2bua_world w;
  call c{w};
  const auto good = w.subject.snapshot(w.now);
  CHECK_FALSE(
      session::session::restore(w.env, here, good.substr(0, good.size() - 1), 0ms, w.now, 1));
  auto other = std::make_shared<session::environment>(*w.env);
  other->applications.clear();
  CHECK_FALSE(session::session::restore(other, here, good, 0ms, w.now, 1));
}

TEST_CASE("session: a copy is a session of its own") {
  b2bua_world w;
  call c{w};
  auto copy = w.subject;
  (void)copy.on(session::received{sip::to_bytes(c.alice.in_dialog("BYE")), alice_at, "proxy-1"},
                w.now);
  CHECK_FALSE(copy.stable());
  CHECK(w.subject.stable());
}
