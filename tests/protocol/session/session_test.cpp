// What a session does by itself, whatever its application: RFC 3261 8.2, 9.2, 12.2, 13.3.1, 17.2.
#include "protocol/session/directory_key.hpp"
#include "protocol/session/stateless.hpp"
#include "tests/protocol/session/stage.hpp"

using namespace stage;

TEST_CASE("session: what cannot be served is refused with what the client needs [RFC 3261 8.2]") {
  struct row {
    const char* method;
    const char* uri;
    const char* require;
    int status;
    const char* header;
  };
  for (const auto& r : {row{"FROBNICATE", "sip:bob@example.com", "", 501, "Allow"},
                        row{"INVITE", "tel:+1234", "", 416, ""},
                        row{"INVITE", "sip:bob@example.com", "100rel, foo", 420, "Unsupported"},
                        row{"BYE", "sip:bob@example.com", "", 481, ""},
                        row{"INFO", "sip:bob@example.com", "", 481, ""},
                        row{"SUBSCRIBE", "sip:bob@example.com", "", 489, "Allow-Events"}}) {
    CAPTURE(r.method);
    world w;
    phone alice{w, alice_at, "alice"};
    auto m = alice.request(r.method, r.uri);
    if (*r.require != 0) m.add("Require", r.require);
    alice.send(m);
    const auto answer = alice.expect(std::to_string(r.status));
    if (*r.header != 0) CHECK(answer.has(r.header));
    CHECK_FALSE(answer.to_tag().empty());
    w.wait(70s);
    CHECK(w.ended);
  }
}

TEST_CASE(
    "session: OPTIONS outside a dialog tells what we can, and costs no commit [RFC 3261 11.2]") {
  world w;
  phone alice{w, alice_at, "alice"};
  alice.send(alice.request("OPTIONS", "sip:example.com"));
  const auto answer = alice.expect("200");
  CHECK(answer.has("Allow"));
  CHECK(answer.has("Accept"));
  CHECK(w.commits == 0);
}

TEST_CASE("session: a copy of the INVITE gets the last response, and no second upcall") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_at, "alice"};
  const auto m = alice.request("INVITE", "sip:bob@example.com", offer);
  alice.send(m);
  CHECK(w.seen(bob_at) == strings{"INVITE"});
  alice.send(m);
  CHECK(w.seen(bob_at).empty());
  CHECK(w.seen(alice_at) == strings{"100", "100"});
}

TEST_CASE("session: the same request on two ways is merged [RFC 3261 8.2.2.2]") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_at, "alice"};
  auto m = alice.request("INVITE", "sip:bob@example.com", offer);
  alice.send(m);
  m.replace_first("Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-other-way");
  w.sent.clear();
  alice.send(m);
  CHECK(w.seen(alice_at) == strings{"482"});
  CHECK(w.seen(bob_at).empty());
}

TEST_CASE("session: the 2xx is repeated with doubling gaps until its ACK [RFC 3261 13.3.1.4]") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 200, offer);
  w.wait(4s);
  std::vector<instant> times;
  std::string bytes;
  for (const auto& o : w.taken(alice_at))
    if (o.message.status == 200) {
      times.push_back(o.at);
      CHECK(o.dependent == (times.size() == 1)); // copies wait for nothing
      if (times.size() == 1) alice.learn(o.message);
    }
  REQUIRE(times.size() == 4); // 0, 0.5, 1.5, 3.5 s
  CHECK(times[3] - times[0] == 3500ms);
  alice.ack();
  w.wait(60s);
  CHECK(w.seen(alice_at).empty());
}

TEST_CASE(
    "session: a callee's repeated 2xx gets the same ACK again; a fork's second 2xx ACK and BYE") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 200, offer);
  const auto ack = bob.expect("ACK");
  w.wait(500ms);
  bob.respond(invite, 200, offer);
  CHECK(bob.expect("ACK") == ack);
  phone carol{w, carol_at, "carol"};
  carol.respond(invite, 200, offer);
  CHECK(w.seen(carol_at) == strings{"ACK", "BYE"});
  alice.learn(alice.expect("200"));
  alice.ack();
  alice.send(alice.in_dialog("INFO"));
  bob.expect("INFO"); // the first dialog is untouched
}

TEST_CASE(
    "session: what claims a dialog that is not ours gets 481, its ACK nothing [RFC 3261 12.2.2]") {
  world w{b2bua_to("192.0.2.20:5060")};
  call c{w};
  c.alice.dialog->remote_tag = "foreign";
  c.alice.send(c.alice.in_dialog("INFO"));
  CHECK(w.seen(alice_at) == strings{"481"});
  c.alice.ack();
  CHECK(w.seen(alice_at).empty());
  CHECK(w.seen(bob_at).empty());
}

TEST_CASE("session: a request older than one before it gets 500 [RFC 3261 12.2.2]") {
  world w{b2bua_to("192.0.2.20:5060")};
  call c{w};
  c.alice.dialog->local_cseq = 10;
  c.alice.send(c.alice.in_dialog("INFO"));
  c.alice.dialog->local_cseq = 5;
  w.sent.clear();
  c.alice.send(c.alice.in_dialog("INFO"));
  CHECK(w.seen(alice_at) == strings{"500"});
}

TEST_CASE("session: CANCEL for nothing gets 481, CANCEL after the answer changes nothing [RFC 3261 "
          "9.2]") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.send(alice.request("CANCEL", "sip:bob@example.com"));
  CHECK(w.seen(alice_at) == strings{"481"});
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 200, offer);
  w.sent.clear();
  alice.cancel();
  CHECK(w.seen(alice_at) == strings{"200"});
  CHECK(w.subject.stable());
}

TEST_CASE("session: BYE while a re-INVITE is open answers that one 487 [RFC 3261 15.1.2]") {
  world w{b2bua_to("192.0.2.20:5060")};
  call c{w};
  c.alice.send(c.alice.in_dialog("INVITE", offer));
  w.sent.clear();
  c.alice.send(c.alice.in_dialog("BYE"));
  CHECK(w.seen(alice_at) == strings{"487", "200"});
  CHECK(w.seen(bob_at) == strings{"BYE"});
}

TEST_CASE("session: an early dialog's caller may end it by BYE [RFC 3261 15]") {
  world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  bob.respond(bob.expect("INVITE"), 180);
  alice.learn(alice.expect("180"));
  alice.send(alice.in_dialog("BYE"));
  CHECK(w.seen(alice_at) == strings{"487", "200"});
  CHECK(w.seen(bob_at) == strings{"CANCEL"});
}

TEST_CASE("session: quarantine answers 500, ends every confirmed dialog and calls no application") {
  world w{b2bua_to("192.0.2.20:5060")};
  call c{w};
  const auto info = c.alice.in_dialog("INFO");
  c.alice.send(info);
  w.sent.clear();
  for (const auto& e : w.subject.quarantine(w.now))
    if (const auto* s = std::get_if<session::send>(&e))
      w.sent.push_back({s->destination, *sip::parse(s->bytes), s->dependent, w.now});
  CHECK(w.seen(alice_at) == strings{"500", "BYE"});
  CHECK(w.seen(bob_at) == strings{"BYE"});
  CHECK_FALSE(w.subject.stable());
  // And so it stays when another node takes over: nothing of the application wakes up again.
  w.held = w.subject.snapshot(w.now);
  w.held_since = w.now;
  w.crash();
  c.alice.send(c.alice.in_dialog("INFO"));
  c.alice.expect("500");
  w.wait(70s);
  CHECK(w.ended);
}

TEST_CASE("session: a malformed request gets its 400, noise nothing") {
  world w;
  phone alice{w, alice_at, "alice"};
  auto m = alice.request("INVITE", "sip:bob@example.com");
  m.set("CSeq", "1 BYE");
  alice.send(m);
  CHECK(w.seen(alice_at) == strings{"400"});
  w.deliver(alice_at, "\r\n\r\n");
  w.deliver(alice_at, "complete nonsense");
  CHECK(w.sent.empty());
}

TEST_CASE("directory: a call is found by Call-ID and From-tag, a registration by its address") {
  CHECK(session::directory_key("abc@host", "tag1") == "call:abc@host;tag1");
  CHECK(session::directory_key_of_aor("sip:bob@example.com") == "aor:sip:bob@example.com");
  world w;
  phone alice{w, alice_at, "alice"};
  CHECK(session::directory_key_of(alice.request("INVITE", "sip:b@c")) == "call:call-1;alice-tag");
  auto m = alice.request("REGISTER", "sip:example.com");
  m.set("To", "Bob <sip:bob@EXAMPLE.com;transport=udp>;x=y");
  CHECK(session::directory_key_of(m) == "aor:sip:bob@example.com");
}

TEST_CASE(
    "orphan: a request gets the same 481 each time, an ACK nothing, a 2xx makes half a call") {
  world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  const auto orphan = [&](const sip::message& m) {
    strings list;
    for (const auto& e : session::on_orphan(*w.env, here, sip::to_bytes(m), alice_at)) {
      const auto parsed = sip::parse(std::get<session::send>(e).bytes);
      REQUIRE(parsed.has_value());
      list.push_back(parsed->is_request() ? parsed->method : sip::to_bytes(*parsed).substr(8, 3));
    }
    return list;
  };
  const auto token = w.env->tokens.issue(here);
  auto info = alice.request("INFO", "sip:" + token + "@192.0.2.1");
  info.set("To", "<sip:bob@example.com>;tag=" + token);
  CHECK(orphan(info) == strings{"481"});
  auto ack = info;
  ack.method = "ACK";
  ack.set("CSeq", "1 ACK");
  CHECK(orphan(ack).empty());
  auto invite = bob.request("INVITE", "sip:bob@example.com");
  invite.set("From", "<sip:alice@example.com>;tag=" + token);
  const auto half = [&](const sip::message& m) {
    CHECK(orphan(m).empty());
    return session::is_half_a_call(*w.env, here, sip::to_bytes(m));
  };
  CHECK(half(bob.response(invite, 200)));
  CHECK_FALSE(half(bob.response(invite, 180)));
  CHECK_FALSE(half(bob.response(invite, 486)));
  auto cancel = invite;
  cancel.set("CSeq", "1 CANCEL");
  CHECK_FALSE(half(bob.response(cancel, 200)));
  invite.set("From", "<sip:alice@example.com>;tag=foreign");
  CHECK_FALSE(half(bob.response(invite, 200)));
}

TEST_CASE(
    "orphan: half a call is acknowledged as often as its 2xx comes, and its BYE repeated until "
    "it is answered [RFC 3261 13.2.2.4, 15.1.1]") {
  world w;
  phone bob{w, bob_at, "bob"};
  auto invite = bob.request("INVITE", "sip:bob@example.com");
  invite.set("From", "<sip:alice@example.com>;tag=" + w.env->tokens.issue(here));
  const auto success = bob.response(invite, 200);
  auto of_another_branch = success;
  of_another_branch.set("To", "<sip:bob@example.com>;tag=another");

  session::session ending{w.env, here, 1};
  auto time = instant{} + 1h;
  bool over = false;
  const auto sent = [&](const session::event& what) {
    std::vector<sip::message> list;
    for (const auto& e : ending.on(what, time)) {
      if (const auto* out = std::get_if<session::send>(&e))
        list.push_back(sip::parse(out->bytes).value());
      over = over || std::holds_alternative<session::ended>(e);
    }
    return list;
  };
  const auto comes = [&](const sip::message& m) {
    return sent(session::received{sip::to_bytes(m), bob_at, "proxy-1"});
  };

  const auto first = comes(success);
  REQUIRE(first.size() == 2);
  CHECK(first[0].is("ACK"));
  CHECK(first[1].is("BYE"));
  CHECK(first[1].cseq()->number > 100); // above all PRACKs that nobody knows of any more
  const auto again = comes(success);
  REQUIRE(again.size() == 1);
  CHECK(again[0].is("ACK"));
  const auto other = comes(of_another_branch); // a fork: a call of its own
  REQUIRE(other.size() == 2);
  CHECK(other[1].top_via()->branch() != first[1].top_via()->branch());

  time = *ending.next_deadline();
  const auto repeated = sent(session::deadline{});
  REQUIRE_FALSE(repeated.empty());
  CHECK(repeated[0].is("BYE"));
  CHECK(comes(bob.response(first[1], 200)).empty());
  CHECK(comes(bob.response(other[1], 481)).empty());
  while (!over && ending.next_deadline()) { // Timer K
    time = *ending.next_deadline();
    CHECK(sent(session::deadline{}).empty());
  }
  CHECK(over);
}

TEST_CASE("stateless: a response carries Retry-After and goes where the Via says") {
  world w;
  phone alice{w, alice_at, "alice"};
  const auto bytes = sip::to_bytes(alice.request("INVITE", "sip:bob@example.com"));
  const auto out = session::stateless_response(bytes, carol_at, 503, 1500ms);
  REQUIRE(out.has_value());
  CHECK(out->destination == alice_at);
  const auto parsed = sip::parse(out->bytes);
  CHECK(parsed->status == 503);
  CHECK(parsed->header("Retry-After") == "2");
  CHECK_FALSE(session::stateless_response("noise", carol_at, 503).has_value());
}
