// When a session needs no actor: what is idle, until when, and what a snapshot alone can tell.
#include "stage.hpp"

using namespace stage;

namespace {

struct b2bua_world : world {
  b2bua_world() : world{b2bua_to("192.0.2.20:5060")} {}
};

// As the shell does it: after a deadline.
bool rests(const world& w) {
  return w.subject.can_rest(w.now);
}

} // namespace

TEST_CASE("rest: a call in progress is not idle, a standing one is, and rests 64*T1 later") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  CHECK_FALSE(w.subject.idle(w.now));
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 180);
  CHECK_FALSE(w.subject.idle(w.now));
  bob.respond(invite, 200, offer);
  CHECK_FALSE(w.subject.idle(w.now)); // the caller has not acknowledged
  alice.learn(alice.expect("200"));
  alice.ack();
  CHECK(w.subject.idle(w.now) == session::session::idle_max);
  CHECK_FALSE(rests(w)); // a copy of the INVITE is absorbed for a while
  w.wait(33s);
  CHECK(rests(w));
  CHECK(w.subject.snapshot(w.now).size() < 1'500);
}

TEST_CASE("rest: a request within a standing call wakes it, and it rests again") {
  b2bua_world w;
  call c{w};
  w.wait(33s);
  REQUIRE(rests(w));
  c.alice.send(c.alice.in_dialog("INFO"));
  CHECK_FALSE(w.subject.idle(w.now));
  c.bob.respond(c.bob.expect("INFO"), 200);
  c.alice.expect("200");
  CHECK(w.subject.idle(w.now));
  CHECK_FALSE(rests(w));
  w.wait(33s);
  CHECK(rests(w));
}

TEST_CASE("rest: a binding lets its session rest until it expires") {
  world w; // the default rules send REGISTER to the registrar
  phone bob{w, bob_at, "bob"};
  auto enrolled = bob.request("REGISTER", "sip:example.com");
  enrolled.set("To", "<sip:bob@example.com>");
  enrolled.add("Expires", "600");
  bob.send(enrolled);
  bob.expect("200");
  w.wait(33s);
  REQUIRE(rests(w));
  const auto idle = w.subject.idle(w.now);
  REQUIRE(idle);
  CHECK(*idle <= 567s);
  CHECK(*idle > 560s);
}

TEST_CASE("rest: a snapshot tells who talks to whom") {
  b2bua_world w;
  call c{w};
  w.wait(33s);
  const auto sketch = session::session::sketch_of(w.subject.snapshot(w.now));
  REQUIRE(sketch);
  CHECK(sketch->application == "b2bua");
  CHECK(sketch->about.caller == w.subject.about().caller);
  CHECK(sketch->about.callee == w.subject.about().callee);
  CHECK(sketch->about.call_ids == w.subject.about().call_ids);
  CHECK(sketch->about.call_ids.size() == 2);
  CHECK_FALSE(session::session::sketch_of("\x01"));
}
