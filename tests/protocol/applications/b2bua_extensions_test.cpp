// What lives in the b2bua's dialogs: forks, reliable provisionals, UPDATE, session timers,
// Replaces.
#include "protocol/applications/b2bua.hpp"
#include "protocol/sip/dialog_reference.hpp"
#include "protocol/sip/offer_answer.hpp"
#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/session_timer.hpp"
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

struct b2bua_world : world {
  explicit b2bua_world(duration session_expires = 0s) : world{b2bua_to("192.0.2.20:5060")} {
    env->session_expires = session_expires;
  }
};

// A response of one branch of a fork.
sip::message forked(phone& p, const sip::message& request, int status, const std::string& tag,
                    const std::string& body = "") {
  auto m = sip::make_response(request, status, "", tag);
  m.add("Contact", p.contact());
  m.body = body;
  if (!body.empty()) m.add("Content-Type", "application/sdp");
  return m;
}

std::ptrdiff_t byes(world& w, const endpoint& at) {
  const auto seen = w.seen(at);
  return std::count(seen.begin(), seen.end(), "BYE");
}

sip::message with_100rel(phone& p) {
  auto invite = p.request("INVITE", "sip:bob@example.com", offer);
  invite.add("Supported", "100rel");
  return invite;
}

sip::message reliable(phone& p, const sip::message& invite, std::uint32_t rseq,
                      const std::string& tag = "bob-tag") {
  auto m = forked(p, invite, 183, tag, offer);
  m.add("Require", "100rel");
  m.add("RSeq", std::to_string(rseq));
  return m;
}

} // namespace

TEST_CASE(
    "b2bua: each early dialog of a forked callee is one to the caller, and the first 2xx takes "
    "its own [RFC 3261 12.1, 13.2.2.4]") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  bob.send(forked(bob, invite, 180, "one"));
  const auto first = alice.expect("180").to_tag();
  bob.send(forked(bob, invite, 183, "two"));
  const auto second = alice.expect("183").to_tag();
  CHECK(first != second);
  bob.send(forked(bob, invite, 180, "one"));
  CHECK(alice.expect("180").to_tag() == first);
  bob.send(forked(bob, invite, 200, "two", offer));
  const auto success = alice.expect("200");
  CHECK(success.to_tag() == second);
  alice.learn(success);
  alice.ack();
  CHECK(bob.expect("ACK").to_tag() == "two");
  SUBCASE("a second 2xx is acknowledged and ended") {
    bob.send(forked(bob, invite, 200, "one", offer));
    const auto sent = w.taken(bob_at);
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].message.is("ACK"));
    CHECK(sent[1].message.is("BYE"));
    CHECK(sent[1].message.to_tag() == "one");
    CHECK(w.seen(alice_at).empty());
  }
  SUBCASE("requests reach the other end of the pair") {
    alice.send(alice.in_dialog("BYE"));
    CHECK(bob.expect("BYE").to_tag() == "two");
  }
}

TEST_CASE("b2bua: a reliable provisional is numbered anew, repeated until the PRACK, which passes "
          "[RFC 3262 3, 4]") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  const auto request = with_100rel(alice);
  alice.send(request);
  const auto invite = bob.expect("INVITE");
  CHECK(sip::names_option(invite, "Supported", "100rel"));
  bob.send(reliable(bob, invite, 4711));
  const auto progress = alice.expect("183");
  CHECK(sip::names_option(progress, "Require", "100rel"));
  const auto rseq = sip::rseq_of(progress);
  REQUIRE(rseq.has_value());
  bob.send(reliable(bob, invite, 4711)); // a copy
  CHECK(w.seen(alice_at).empty());
  w.wait(1600ms);
  CHECK(w.seen(alice_at) == strings{"183", "183"}); // T1, 2*T1
  CHECK(w.seen(bob_at).empty());                    // nothing acknowledged yet

  auto made = sip::make_uac_dialog(request, progress);
  REQUIRE(made.has_value());
  alice.dialog = std::move(*made);
  auto wrong = alice.in_dialog("PRACK");
  wrong.add("RAck", std::to_string(*rseq + 1) + " 1 INVITE");
  alice.send(wrong);
  CHECK(w.seen(alice_at) == strings{"481"});
  auto prack = alice.in_dialog("PRACK");
  prack.add("RAck", std::to_string(*rseq) + " 1 INVITE");
  alice.send(prack);
  const auto passed = bob.expect("PRACK");
  CHECK(passed.header("RAck") == "4711 1 INVITE");
  bob.send(sip::make_response(passed, 200));
  CHECK(w.seen(alice_at) == strings{"200"});
  w.wait(10s);
  CHECK(w.seen(alice_at).empty());
  bob.send(reliable(bob, invite, 4712));
  CHECK(sip::rseq_of(alice.expect("183")) == *rseq + 1);
}

TEST_CASE("b2bua: without a PRACK the call is rejected after 64*T1 [RFC 3262 3]") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.send(with_100rel(alice));
  bob.send(reliable(bob, bob.expect("INVITE"), 1));
  w.wait(33s);
  const auto seen = w.seen(alice_at);
  CHECK(std::count(seen.begin(), seen.end(), "487") > 0);
  bob.expect("CANCEL");
}

TEST_CASE(
    "b2bua: a caller without 100rel gets plain provisionals, and the callee is not offered any") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  CHECK_FALSE(sip::names_option(invite, "Supported", "100rel"));
  bob.send(reliable(bob, invite, 9)); // it does so all the same
  CHECK_FALSE(alice.expect("183").has("RSeq"));
  CHECK(bob.expect("PRACK").header("RAck") == "9 1 INVITE");
}

TEST_CASE(
    "b2bua: UPDATE passes with its offer and answer; two at once are 491 and 500 [RFC 3311 5.2]") {
  b2bua_world w;
  call c{w};
  const auto update = [&](phone& p) {
    auto m = p.in_dialog("UPDATE", offer);
    m.add("Content-Type", "application/sdp");
    m.add("Contact", p.contact());
    return m;
  };
  c.alice.send(update(c.alice));
  const auto passed = c.bob.expect("UPDATE");
  CHECK(passed.body == offer);
  c.alice.send(update(c.alice)); // before the answer
  CHECK(c.alice.expect("500").has("Retry-After"));
  c.bob.send(update(c.bob)); // crosses ours
  CHECK(w.seen(bob_at) == strings{"491"});
  c.bob.respond(passed, 200, offer);
  CHECK(c.alice.expect("200").body == offer);
  c.bob.send(update(c.bob));
  c.alice.respond(c.alice.expect("UPDATE"), 488);
  CHECK(w.seen(bob_at) == strings{"488"});
  c.alice.send(update(c.alice)); // the refused offer is off the table
  c.bob.expect("UPDATE");
}

TEST_CASE(
    "b2bua: unknown methods and REFER pass in the dialog, identifiers of its own stay [README]") {
  b2bua_world w;
  call c{w};
  auto refer = c.alice.in_dialog("REFER");
  refer.add("Refer-To", "<sip:carol@example.com>");
  refer.add("X-Note", "kept");
  c.alice.send(refer);
  const auto passed = c.bob.expect("REFER");
  CHECK(passed.header("Refer-To") == "<sip:carol@example.com>");
  CHECK(passed.header("X-Note") == "kept");
  c.bob.respond(passed, 202);
  CHECK(w.seen(alice_at) == strings{"202"});
  auto notify = c.bob.in_dialog("NOTIFY", "SIP/2.0 100 Trying\r\n");
  notify.add("Event", "refer");
  notify.add("Subscription-State", "active");
  c.bob.send(notify);
  CHECK(c.alice.expect("NOTIFY").body == "SIP/2.0 100 Trying\r\n");
  c.alice.send(c.alice.in_dialog("BREWCOFFEE"));
  c.bob.respond(c.bob.expect("BREWCOFFEE"), 405);
  CHECK(w.seen(alice_at) == strings{"405"});
}

TEST_CASE("b2bua: a subscription that REFER made is named as its side knows it [RFC 3515 2.4.6]") {
  b2bua_world w;
  call c{w};
  for (const auto* method : {"INFO", "OPTIONS"}) { // the two sides count apart from here on
    c.alice.send(c.alice.in_dialog(method));
    c.bob.respond(c.bob.expect(method), 200);
    c.bob.send(c.bob.in_dialog("INFO"));
    c.alice.respond(c.alice.expect("INFO"), 200);
  }
  const auto number = [](const sip::message& m) { return std::to_string(m.cseq()->number); };
  const auto event = [](const std::string& id) { return "refer;id=" + id; };
  // Of two transfers, by either side, each NOTIFY and SUBSCRIBE names its own.
  const auto transfers = [&](phone& a, phone& b) {
    auto refer = a.in_dialog("REFER");
    refer.set("CSeq", std::to_string(refer.cseq()->number + 40) + " REFER");
    a.dialog->local_cseq += 40;
    refer.add("Refer-To", "<sip:carol@example.com>");
    a.send(refer);
    const auto passed = b.expect("REFER");
    REQUIRE(number(passed) != number(refer));
    b.respond(passed, 202);
    a.expect("202");
    return std::pair{number(refer), number(passed)};
  };
  const auto [asked, passed] = transfers(c.alice, c.bob);
  const auto [bob_asked, alice_passed] = transfers(c.bob, c.alice);
  w.crash(1s);
  const auto says = [&](phone& from, phone& to, const char* method, const std::string& value) {
    auto m = from.in_dialog(method);
    m.add("Event", value);
    from.send(m);
    const auto came = to.expect(method);
    to.respond(came, 200);
    from.expect("200");
    return std::string{came.header("Event").value_or("")};
  };
  CHECK(says(c.bob, c.alice, "NOTIFY", event(passed)) == event(asked));
  CHECK(says(c.alice, c.bob, "SUBSCRIBE", event(asked)) == event(passed));
  CHECK(says(c.alice, c.bob, "NOTIFY", "refer ; a=b; id=" + alice_passed)
        == "refer;a=b;id=" + bob_asked);
  CHECK(says(c.bob, c.alice, "NOTIFY", "refer") == "refer");
  CHECK(says(c.bob, c.alice, "NOTIFY", "refer;id=7") == "refer;id=7");
  CHECK(says(c.bob, c.alice, "NOTIFY", "presence;id=" + passed) == "presence;id=" + passed);
}

TEST_CASE("b2bua: a redirection is followed when the rule says so") {
  world w{{{.application = "b2bua",
            .methods = {},
            .domains = {},
            .users = {},
            .settings = {{"target", "192.0.2.20:5060"}, {"redirect", "follow"}}}}};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  phone carol{w, carol_at, "carol"};
  alice.invite("sip:bob@example.com");
  auto moved = sip::make_response(bob.expect("INVITE"), 302, "", "bob-tag");
  moved.add("Contact", "<sip:carol@192.0.2.30>");
  bob.send(moved);
  carol.respond(carol.expect("INVITE"), 200, offer);
  CHECK(w.seen(alice_at) == strings{"100", "200"});
}

// ---- session timers -----------------------------------------------------------------------------

TEST_CASE(
    "session timers: too short an interval is 422, a good one is agreed per dialog [RFC 4028 9]") {
  b2bua_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  auto hasty = alice.request("INVITE", "sip:bob@example.com", offer);
  hasty.add("Supported", "timer");
  hasty.add("Session-Expires", "60");
  alice.send(hasty);
  CHECK(alice.expect("422").header("Min-SE") == "90");
  auto request = alice.request("INVITE", "sip:bob@example.com", offer);
  request.add("Supported", "timer");
  request.add("Session-Expires", "120");
  alice.send(request);
  const auto invite = bob.expect("INVITE");
  CHECK_FALSE(invite.has("Session-Expires")); // the other dialog's interval is its own
  bob.respond(invite, 200, offer);
  const auto success = alice.expect("200");
  CHECK(success.header("Session-Expires") == "120;refresher=uac");
  CHECK(sip::names_option(success, "Require", "timer"));
  bob.expect("ACK");
  auto made = sip::make_uac_dialog(request, success);
  REQUIRE(made.has_value());
  alice.dialog = std::move(*made);
  alice.ack();
  w.sent.clear();
  SUBCASE("nobody refreshes: both ends get a BYE [RFC 4028 10]") {
    w.wait(87s); // 120 s less 32
    CHECK(byes(w, alice_at) == 0);
    w.wait(2s);
    CHECK(byes(w, alice_at) > 0);
    CHECK(byes(w, bob_at) > 0);
  }
  SUBCASE("an UPDATE refreshes, also after a failover, and goes no further") {
    w.wait(60s);
    w.crash(200ms);
    auto update = alice.in_dialog("UPDATE");
    update.add("Supported", "timer");
    update.add("Session-Expires", "120;refresher=uac");
    alice.send(update);
    CHECK(alice.expect("200").header("Session-Expires") == "120;refresher=uac");
    CHECK(w.seen(bob_at).empty());
    w.wait(87s);
    CHECK(byes(w, alice_at) == 0);
    w.wait(2s);
    CHECK(byes(w, alice_at) > 0);
  }
}

TEST_CASE(
    "session timers: we refresh by UPDATE where the peer wants it of us; its 481 ends the call "
    "[RFC 4028 7.4, 10]") {
  b2bua_world w{120s};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  CHECK(invite.header("Session-Expires") == "120;refresher=uas");
  SUBCASE("422 is answered with a longer interval") {
    auto refusal = sip::make_response(invite, 422, "", "bob-tag");
    refusal.add("Min-SE", "300");
    bob.send(refusal);
    const auto again = bob.expect("INVITE");
    CHECK(again.header("Session-Expires") == "300;refresher=uas");
    CHECK(again.header("Min-SE") == "300");
    CHECK(again.call_id() == invite.call_id());
  }
  SUBCASE("the 2xx makes us the refresher") {
    auto success = bob.response(invite, 200, offer);
    success.add("Session-Expires", "120;refresher=uac");
    success.add("Require", "timer");
    bob.send(success);
    alice.learn(alice.expect("200"));
    alice.ack();
    bob.expect("ACK");
    w.wait(61s);
    const auto update = bob.expect("UPDATE");
    CHECK(update.body.empty());
    CHECK(update.header("Session-Expires") == "120;refresher=uac");
    auto fresh = sip::make_response(update, 200);
    fresh.add("Session-Expires", "120;refresher=uac");
    bob.send(fresh);
    w.sent.clear();
    w.wait(61s);
    bob.send(sip::make_response(bob.expect("UPDATE"), 481));
    CHECK(w.seen(alice_at) == strings{"BYE"});
  }
}

TEST_CASE("session timers: who refreshes is agreed as the table says [RFC 4028 9, Table 2]") {
  struct row {
    const char* supported;
    const char* asked;
    const char* allow;
    std::uint32_t wanted;
    const char* agreed; // "": none
  };
  for (const auto& r :
       {row{"timer", "120", "", 0, "120;refresher=uac"},
        row{"timer", "120;refresher=uas", "UPDATE", 0, "120;refresher=uas"},
        row{"timer", "120;refresher=uas", "", 0, ""},
        row{"timer", "3600", "", 1800, "1800;refresher=uac"},
        row{"timer", "", "", 1800, "1800;refresher=uac"}, row{"", "", "", 1800, ""},
        row{"", "", "UPDATE", 1800, "1800;refresher=uas"}, row{"", "", "", 0, ""}}) {
    sip::message m;
    m.method = "INVITE";
    if (*r.supported != 0) m.add("Supported", r.supported);
    if (*r.asked != 0) m.add("Session-Expires", r.asked);
    if (*r.allow != 0) m.add("Allow", r.allow);
    const auto agreed = sip::accept_session(m, r.wanted);
    CHECK((agreed ? sip::to_string(*agreed) : "") == r.agreed);
  }
}

// ---- Replaces and Join --------------------------------------------------------------------------

TEST_CASE(
    "b2bua: Replaces asks the session that our tag names, and goes to its other side translated "
    "[RFC 3891 3]") {
  b2bua_world old;
  call c{old}; // alice and bob
  b2bua_world w;
  phone carol{w, carol_at, "carol"};
  carol.call_id = "call-2";
  auto request = carol.request("INVITE", "sip:bob@example.com", offer);
  const auto& d = *c.alice.dialog; // carol takes alice's place
  SUBCASE("found") {
    request.add("Replaces", d.call_id + ";to-tag=" + d.remote_tag + ";from-tag=" + d.local_tag);
    carol.send(request);
    const auto asked = w.question();
    REQUIRE(asked.has_value());
    CHECK(asked->key == "session:" + d.remote_tag.substr(0, 34));
    old.run(session::asked{.bytes = asked->bytes, .reply_to = "x"});
    std::string said;
    for (const auto& e : old.effects)
      if (const auto* answer = std::get_if<session::answer>(&e)) said = answer->bytes;
    w.run(session::answered{
        .id = asked->id, .what = session::answered::outcome::reply, .bytes = said});
    phone bob{w, bob_at, "bob"};
    const auto invite = bob.expect("INVITE");
    const auto named = sip::parse_dialog_reference(*invite.header("Replaces"));
    REQUIRE(named.has_value());
    CHECK(named->call_id == c.bob.dialog->call_id);
    CHECK(named->to_tag == c.bob.dialog->local_tag);
    CHECK(named->from_tag == c.bob.dialog->remote_tag);
    CHECK(sip::names_option(invite, "Require", "replaces"));
    // bob accepts, and ends the call that was replaced: alice hears it.
    bob.respond(invite, 200, offer);
    CHECK(w.seen(carol_at) == strings{"100", "200"});
    c.bob.send(c.bob.in_dialog("BYE"));
    CHECK(old.seen(alice_at) == strings{"BYE"});
  }
  SUBCASE("a dialog that does not exist is 481, a moving shard 500 with Retry-After") {
    request.add("Replaces", "other;to-tag=" + d.remote_tag + ";from-tag=x");
    carol.send(request);
    const auto asked = w.question();
    REQUIRE(asked.has_value());
    old.run(session::asked{.bytes = asked->bytes, .reply_to = "x"});
    std::string said;
    for (const auto& e : old.effects)
      if (const auto* answer = std::get_if<session::answer>(&e)) said = answer->bytes;
    w.run(session::answered{
        .id = asked->id, .what = session::answered::outcome::reply, .bytes = said});
    CHECK(w.seen(carol_at) == strings{"100", "481"});
  }
  SUBCASE("timed out") {
    request.add("Join", d.call_id + ";to-tag=" + d.remote_tag + ";from-tag=" + d.local_tag);
    carol.send(request);
    w.wait(3s);
    CHECK(carol.expect("500").has("Retry-After"));
  }
  SUBCASE("somebody else's tag, and nonsense") {
    request.add("Replaces", "id;to-tag=foreign;from-tag=x");
    carol.send(request);
    CHECK(w.seen(carol_at) == strings{"481"});
    auto bad = carol.request("INVITE", "sip:bob@example.com", offer);
    bad.add("Replaces", "id;to-tag=foreign");
    carol.send(bad);
    CHECK(w.seen(carol_at).back() == "400");
  }
}

// ---- offer and answer ---------------------------------------------------------------------------

TEST_CASE(
    "offer and answer: whose turn it is [RFC 3264 4, RFC 3261 13.2.1, RFC 3262 5, RFC 3311 5]") {
  using state = sip::offer_answer::state_type;
  const auto request = [](const char* method, bool sdp) {
    sip::message m;
    m.method = method;
    if (sdp) m.body = "v=0";
    return m;
  };
  const auto response = [](int status, const char* method, bool sdp) {
    sip::message m;
    m.status = status;
    m.add("CSeq", std::string{"1 "} + method);
    if (sdp) m.body = "v=0";
    return m;
  };
  sip::offer_answer o;
  o.received_request(request("INVITE", true));
  CHECK(o.state() == state::they_offered);
  CHECK(o.judge(request("UPDATE", true)) == 500);
  CHECK_FALSE(o.judge(request("UPDATE", false)).has_value());
  o.sent_response(response(183, "INVITE", true), false); // a preview
  CHECK(o.state() == state::they_offered);
  o.sent_response(response(183, "INVITE", true), true);
  CHECK(o.state() == state::idle);
  CHECK_FALSE(o.judge(request("UPDATE", true)).has_value());
  o.sent_response(response(200, "INVITE", true), false); // says it again
  CHECK(o.state() == state::idle);
  o.sent_request(request("UPDATE", true));
  CHECK(o.judge(request("UPDATE", true)) == 491);
  CHECK(o.judge(request("INVITE", true)) == 491);
  o.received_response(response(488, "UPDATE", false), false);
  CHECK(o.state() == state::idle);
  // late offer
  o.received_request(request("INVITE", false));
  o.sent_response(response(200, "INVITE", true), false);
  CHECK(o.state() == state::we_offered);
  o.received_request(request("ACK", true));
  CHECK(o.state() == state::idle);
  // a 2xx that forgot its answer blocks nothing
  o.sent_request(request("INVITE", true));
  o.received_response(response(200, "INVITE", false), false);
  CHECK(o.state() == state::idle);
}
