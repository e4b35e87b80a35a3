// Path, Service-Route, outbound, GRUU, and the event package "reg" with its subscriptions.
#include "protocol/applications/location.hpp"
#include "protocol/applications/registration_info.hpp"
#include "protocol/session/directory_key.hpp"
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

const std::string instance = "\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\"";
const std::string urn = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

sip::message registration(phone& p, const std::string& contact) {
  auto m = p.request("REGISTER", "sip:example.com");
  m.set("To", "<sip:alice@example.com>");
  m.set("Contact", contact);
  return m;
}

std::vector<applications::contact_location> located(world& w, const std::string& gruu = "") {
  w.run(session::asked{.bytes = question_to_application(
                           encode(applications::location_query{.aor = "", .gruu = gruu})),
                       .reply_to = "x"});
  for (const auto& e : w.effects)
    if (const auto* said = std::get_if<session::answer>(&e))
      return decode<applications::location_reply>(said->bytes)->contacts;
  return {};
}

sip::message subscription(phone& p, const std::string& event = "reg") {
  auto m = p.request("SUBSCRIBE", "sip:alice@example.com");
  m.add("Event", event);
  m.add("Expires", "600");
  m.add("Accept", std::string{applications::registration_info_type});
  return m;
}

} // namespace

TEST_CASE(
    "registrar: one flow of one instance has one binding, whatever its address [RFC 5626 6]") {
  world w;
  phone alice{w, alice_at, "alice"};
  const auto flow = [&](const std::string& uri, int reg_id) {
    auto m = registration(alice, "<" + uri + ">;+sip.instance=" + instance
                                     + ";reg-id=" + std::to_string(reg_id));
    m.add("Supported", "path, outbound, gruu");
    alice.send(m);
    return alice.expect("200");
  };
  const auto first = flow("sip:alice@192.0.2.10:5060", 1);
  CHECK(first.header("Require") == "outbound");
  CHECK(std::string{*first.header("Contact")}.find("pub-gruu=\"sip:alice@example.com;gr=" + urn)
        != std::string::npos);
  flow("sip:alice@192.0.2.10:6000", 1); // it moved
  CHECK(located(w).size() == 1);
  CHECK(located(w)[0].uri == "sip:alice@192.0.2.10:6000");
  CHECK(flow("sip:alice@192.0.2.10:7000", 2).headers("Contact").size() == 2);
  CHECK(located(w, urn).size() == 2);
  CHECK(located(w, "urn:uuid:other").empty());
}

TEST_CASE("registrar: a temporary GRUU reaches one instance and names nobody [RFC 5627 3.1.2]") {
  world w;
  phone alice{w, alice_at, "alice"};
  int cseq = 0;
  const auto reg = [&](std::uint32_t reg_id, const std::string& call_id) {
    auto m = registration(alice, "<sip:alice@192.0.2.10:" + std::to_string(5000 + reg_id)
                                     + ">;+sip.instance=" + instance
                                     + ";reg-id=" + std::to_string(reg_id));
    m.add("Supported", "path, outbound, gruu");
    m.set("Call-ID", call_id);
    m.set("CSeq", std::to_string(++cseq) + " REGISTER");
    alice.send(m);
    const auto done = alice.expect("200");
    const auto contacts = done.contacts().value();
    const auto& mine = contacts[reg_id - 1];
    const auto quoted = sip::param_value(mine.params, "temp-gruu");
    REQUIRE(quoted.size() > 2);
    return sip::parse_uri(quoted.substr(1, quoted.size() - 2)).value();
  };
  const auto reached = [&](const sip::uri& gruu) {
    const auto named = w.env->tokens.reveal(gruu.user.substr(6));
    REQUIRE(named.has_value());
    w.run(session::asked{
        .bytes = question_to_application(encode(applications::location_query{
            .aor = {}, .gruu = {}, .temporary = named->substr(cluster::token_ring::token_length)})),
        .reply_to = "x"});
    for (const auto& e : w.effects)
      if (const auto* said = std::get_if<session::answer>(&e))
        return decode<applications::location_reply>(said->bytes).value();
    return applications::location_reply{};
  };
  const auto first = reg(1, "a@alice");
  CHECK(first.user.starts_with("tgruu."));
  CHECK(first.has_param("gr"));
  CHECK(first.param("gr").empty());
  CHECK(sip::to_string(first).find("alice@") == std::string::npos);
  const auto second = reg(1, "a@alice");
  CHECK(first.user != second.user);
  reg(2, "a@alice");
  CHECK(reached(first).contacts.size() == 2); // both flows of the instance
  CHECK(reached(second).contacts.size() == 2);
  w.crash();
  CHECK(reached(first).contacts.size() == 2);
  const auto third = reg(1, "b@alice"); // it has started anew
  CHECK(reached(first).nobody);
  CHECK(reached(second).contacts.empty());
  CHECK(reached(third).contacts.size() == 2);
}

TEST_CASE(
    "registrar: Path is kept with its binding, and Service-Route is said [RFC 3327, RFC 3608]") {
  world w{{{.application = "registrar",
            .methods = {},
            .domains = {},
            .users = {},
            .settings = {{"service_route", "<sip:192.0.2.1;lr>"}}}}};
  phone alice{w, alice_at, "alice"};
  auto m = registration(alice, "<sip:alice@10.0.0.1>");
  m.add("Path", "<sip:edge.example.com;lr>, <sip:inner.example.com;lr>");
  m.add("Supported", "path");
  alice.send(m);
  const auto done = alice.expect("200");
  CHECK(done.headers("Path").size() == 2);
  CHECK(done.header("Service-Route") == "<sip:192.0.2.1;lr>");
  const auto at = located(w);
  REQUIRE(at.size() == 1);
  CHECK(at[0].path == strings{"<sip:edge.example.com;lr>", "<sip:inner.example.com;lr>"});
  CHECK(at[0].destination.empty()); // the way back is the path, not the source
  w.crash();
  CHECK(located(w)[0].path.size() == 2);
}

TEST_CASE("registrar: a refresh at the limit of bindings is no new binding") {
  world w;
  phone alice{w, alice_at, "alice"};
  for (int i = 0; i < 32; ++i) {
    alice.send(registration(alice, "<sip:alice@192.0.2.10:" + std::to_string(6000 + i) + ">"));
    alice.expect("200");
  }
  alice.send(registration(alice, "<sip:alice@192.0.2.10:6007>"));
  alice.expect("200");
  alice.send(registration(alice, "<sip:alice@192.0.2.10:9999>"));
  CHECK(w.seen(alice_at) == strings{"403"});
}

TEST_CASE("reg events: a SUBSCRIBE goes to the session of the address of record") {
  world w;
  phone bob{w, bob_at, "bob"};
  const auto request = subscription(bob);
  CHECK(session::directory_key_of(request) == "aor:sip:alice@example.com");
  CHECK(session::concerns_registration(request));
  CHECK_FALSE(session::concerns_registration(subscription(bob, "presence")));
}

TEST_CASE("reg events: a NOTIFY now, one for every change, CSeq and version go on after a failover "
          "[RFC 6665 4.2, RFC 3680]") {
  world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  const auto request = subscription(bob);
  bob.send(request);
  std::optional<sip::message> accepted;
  std::optional<sip::message> notify;
  for (const auto& o : w.taken(bob_at)) (o.message.is("NOTIFY") ? notify : accepted) = o.message;
  REQUIRE(accepted.has_value());
  REQUIRE(notify.has_value());
  CHECK(accepted->status == 200);
  CHECK(accepted->header("Expires") == "600");
  CHECK(w.env->tokens.verify(accepted->to_tag()) == here);
  CHECK(notify->header("Event") == "reg");
  CHECK(notify->header("Subscription-State") == "active;expires=600");
  CHECK(notify->body.find("version=\"0\"") != std::string::npos);
  CHECK(notify->body.find("state=\"terminated\"") != std::string::npos);
  auto first = notify->cseq()->number;
  bob.send(sip::make_response(*notify, 200));
  alice.call_id = "registration";
  alice.send(registration(alice, "<sip:alice@192.0.2.10>"));
  alice.expect("200");
  auto changed = bob.expect("NOTIFY");
  CHECK(changed.cseq()->number > first);
  CHECK(changed.body.find("<uri>sip:alice@192.0.2.10</uri>") != std::string::npos);
  bob.send(sip::make_response(changed, 200));
  CHECK(w.subject.stable());

  w.crash(300ms);
  w.wait(5s); // that the NOTIFY was answered is in no commit: it comes again, and is answered again
  bob.send(sip::make_response(bob.expect("NOTIFY"), 200));
  auto gone = registration(alice, "<sip:alice@192.0.2.10>;expires=0");
  alice.send(gone);
  alice.expect("200");
  const auto after = bob.expect("NOTIFY");
  CHECK(after.cseq()->number > changed.cseq()->number);
  CHECK(after.body.find("version=\"2\"") != std::string::npos);
  CHECK(after.to_tag() == "bob-tag");
  CHECK(after.call_id() == request.call_id());
  bob.send(sip::make_response(after, 200));
  SUBCASE("it expires, and says so last") {
    w.wait(605s);
    const auto last = bob.expect("NOTIFY");
    CHECK(std::string{*last.header("Subscription-State")}.starts_with("terminated"));
    bob.send(sip::make_response(last, 200));
    CHECK_FALSE(w.subject.stable());
    w.wait(60s);
    CHECK(w.ended);
  }
  SUBCASE("a refresh renews it, Expires: 0 ends it") {
    auto made = sip::make_uac_dialog(request, *accepted);
    REQUIRE(made.has_value());
    bob.dialog = std::move(*made);
    const auto again = [&](const char* expires) {
      auto m = bob.in_dialog("SUBSCRIBE");
      m.add("Event", "reg");
      m.add("Expires", expires);
      m.add("Contact", bob.contact());
      bob.send(m);
    };
    w.wait(500s);
    again("600");
    bob.send(sip::make_response(bob.expect("NOTIFY"), 200));
    w.wait(500s);
    CHECK(w.subject.stable());
    again("0");
    CHECK(
        std::string{*bob.expect("NOTIFY").header("Subscription-State")}.starts_with("terminated"));
    CHECK_FALSE(w.subject.stable());
  }
  SUBCASE("a subscriber that forgot it is not told again [RFC 6665 4.2.2]") {
    alice.send(registration(alice, "<sip:alice@192.0.2.10>"));
    bob.send(sip::make_response(bob.expect("NOTIFY"), 481));
    w.sent.clear();
    alice.send(registration(alice, "<sip:alice@192.0.2.10:7000>"));
    CHECK(w.seen(bob_at).empty());
  }
}

TEST_CASE("reg events: another package is 489, another document 406 [RFC 6665 4.2.1]") {
  world w{
      {{.application = "registrar", .methods = {}, .domains = {}, .users = {}, .settings = {}}}};
  phone bob{w, bob_at, "bob"};
  bob.send(subscription(bob, "presence"));
  CHECK(bob.expect("489").header("Allow-Events") == "reg");
  auto other = subscription(bob);
  other.set("Accept", "text/plain");
  bob.send(other);
  CHECK(w.seen(bob_at).back() == "406");
}

// ---- option tags and media types ----------------------------------------------------------------

TEST_CASE("an unknown extension is 420 with its name, a known one is not [RFC 3261 8.2.2.3]") {
  world w;
  phone alice{w, alice_at, "alice"};
  auto m = alice.request("INVITE", "sip:answer@example.com", offer);
  m.add("Require", "timer, foo, 100rel, bar");
  alice.send(m);
  CHECK(alice.expect("420").header("Unsupported") == "foo, bar");
  auto fine = alice.request("INVITE", "sip:answer@example.com", offer);
  fine.add("Require", "timer, replaces");
  alice.send(fine);
  CHECK(sip::message{alice.expect("200")}.has("Supported"));
}

TEST_CASE("answer: another body is 415 with Accept, an answer nobody takes 406 [RFC 3261 8.2.3, "
          "21.4.7]") {
  world w;
  phone alice{w, alice_at, "alice"};
  auto m = alice.request("INVITE", "sip:answer@example.com", "hello");
  m.set("Content-Type", "text/plain");
  alice.send(m);
  CHECK(alice.expect("415").header("Accept") == "application/sdp");
  auto zipped = alice.request("INVITE", "sip:answer@example.com", offer);
  zipped.add("Content-Encoding", "gzip");
  alice.send(zipped);
  CHECK(alice.expect("415").header("Accept-Encoding") == "identity");
  auto picky = alice.request("INVITE", "sip:answer@example.com", offer);
  picky.add("Accept", "text/html");
  alice.send(picky);
  CHECK(w.seen(alice_at).back() == "406");
}

TEST_CASE("OPTIONS is answered by the cluster for itself and by the application for its user "
          "[RFC 3261 11.2]") {
  world w;
  phone alice{w, alice_at, "alice"};
  alice.send(alice.request("OPTIONS", "sip:example.com"));
  const auto ours = alice.expect("200");
  CHECK(ours.has("Allow"));
  CHECK(ours.has("Supported"));
  alice.call_id = "call-2";
  alice.send(alice.request("OPTIONS", "sip:answer@example.com"));
  CHECK(alice.expect("200").header("Allow")
        == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, "
           "MESSAGE");
  world through{b2bua_to("192.0.2.20:5060")};
  phone caller{through, alice_at, "alice"};
  phone bob{through, bob_at, "bob"};
  caller.send(caller.request("OPTIONS", "sip:bob@example.com"));
  auto busy = sip::make_response(bob.expect("OPTIONS"), 486, "", "bob-tag");
  bob.send(busy);
  CHECK(through.seen(alice_at) == strings{"486"});
}
