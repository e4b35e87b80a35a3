// The proxy application, as callers, callees and other proxies see it (RFC 3261 section 16).
#include "protocol/applications/location.hpp"
#include "protocol/session/stateless.hpp"
#include "protocol/sip/forwarding_rules.hpp"
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

std::vector<session::application_rule> proxy_rule(applications::settings settings) {
  return {{.application = "proxy",
           .methods = {},
           .domains = {},
           .users = {},
           .settings = std::move(settings)}};
}

struct proxy_world : world {
  explicit proxy_world(applications::settings settings = {{"target", "192.0.2.20:5060"}})
      : world{proxy_rule(std::move(settings))} {}

  // The location service answers the question of the last step.
  void locate(const std::vector<applications::contact_location>& contacts) {
    const auto asked = question();
    REQUIRE(asked.has_value());
    run(session::answered{.id = asked->id,
                          .what = session::answered::outcome::reply,
                          .bytes = encode(applications::location_reply{.contacts = contacts})});
  }
};

applications::contact_location at(const std::string& uri, std::uint32_t q = 1000) {
  return {.uri = uri, .q_milli = q, .destination = {}};
}

std::string record_route(const sip::message& m) {
  const auto values = m.headers("Record-Route");
  return values.empty() ? "" : std::string{values.front()};
}

// A call through the proxy that stands: both ends have a dialog with each other.
struct routed_call {
  explicit routed_call(world& w) : alice{w, alice_at, "alice"}, bob{w, bob_at, "bob"} {
    alice.invite("sip:bob@example.com");
    const auto invite = bob.expect("INVITE");
    bob.respond(invite, 180);
    alice.learn(alice.expect("180"));
    bob.respond(invite, 200, offer);
    alice.learn(alice.expect("200"));
    alice.ack();
    bob.expect("ACK");
    w.sent.clear();
  }

  phone alice;
  phone bob;
};

} // namespace

TEST_CASE(
    "proxy: a request is forwarded with our Via, Record-Route and one hop less [RFC 3261 16.6]") {
  proxy_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  auto request = alice.request("INVITE", "sip:bob@example.com", offer);
  request.add("X-Unknown", "kept");
  alice.send(request);
  CHECK(w.commits == 0);
  const auto invite = bob.expect("INVITE");
  CHECK(invite.call_id() == request.call_id());
  CHECK(invite.from_tag() == request.from_tag());
  CHECK(invite.header("Contact") == request.header("Contact"));
  CHECK(invite.header("X-Unknown") == "kept");
  CHECK(invite.body == offer);
  CHECK(invite.max_forwards() == 69U);
  CHECK(invite.request_uri == "sip:bob@192.0.2.20:5060");
  CHECK(invite.headers("Via").size() == 2);
  const auto route = invite.record_routes();
  REQUIRE(route.has_value());
  CHECK(w.env->tokens.verify(route->front().uri.user) == here);
  CHECK(route->front().uri.has_param("lr"));
  bob.respond(invite, 180);
  const auto ringing = alice.expect("180");
  CHECK(ringing.to_tag() == "bob-tag"); // the callee's, not ours
  CHECK(ringing.headers("Via").size() == 1);
  CHECK(record_route(ringing) == record_route(invite));
  bob.respond(invite, 200, offer);
  CHECK(w.commits == 1);
  CHECK(alice.expect("200").header("Contact") == bob.contact());
}

TEST_CASE(
    "proxy: requests in the dialog pass both ways by the token in our Route, and BYE ends it") {
  proxy_world w;
  routed_call c{w};
  const auto info = c.alice.in_dialog("INFO");
  CHECK(info.has("Route"));
  c.alice.send(info);
  const auto passed = c.bob.expect("INFO");
  CHECK_FALSE(passed.has("Route"));
  CHECK_FALSE(c.bob.dialog->on_request(passed));
  c.bob.respond(passed, 200);
  CHECK(w.seen(alice_at) == strings{"200"});
  c.bob.send(c.bob.in_dialog("BYE"));
  const auto bye = c.alice.expect("BYE");
  CHECK_FALSE(c.alice.dialog->on_request(bye));
  CHECK(w.subject.stable());
  c.alice.respond(bye, 200);
  CHECK(w.seen(bob_at) == strings{"200"});
  CHECK_FALSE(w.subject.stable());
  w.wait(80s);
  CHECK(w.ended);
}

TEST_CASE("proxy: after a failover the dialog's requests, ACK and late 2xx go on both ways") {
  proxy_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 200, offer);
  alice.learn(alice.expect("200"));
  w.crash(300ms);
  bob.respond(invite, 200, offer); // the UAS repeats it: no ACK has come
  CHECK(w.seen(alice_at) == strings{"200"});
  alice.ack();
  CHECK(bob.expect("ACK").cseq()->method == "ACK");
  w.crash(300ms);
  w.sent.clear();
  alice.send(alice.in_dialog("INFO"));
  const auto sent = w.taken(bob_at);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].dependent); // a takeover repeats this very request
  const auto info = sent[0].message;
  w.crash(100ms);
  bob.respond(info, 200);
  CHECK(w.seen(alice_at) == strings{"200"});
  bob.send(bob.in_dialog("BYE"));
  alice.respond(alice.expect("BYE"), 200);
  CHECK(w.seen(bob_at).back() == "200");
}

TEST_CASE("proxy: a copy of a 2xx after the BYE passes, and brings nothing back [RFC 3261 13.3.1.4]") {
  proxy_world w;
  routed_call c{w};
  c.alice.send(c.alice.in_dialog("INVITE"));
  const auto again = c.bob.expect("INVITE");
  c.bob.respond(again, 200, offer); // its ACK gets lost
  c.alice.send(c.alice.in_dialog("BYE"));
  c.bob.respond(c.bob.expect("BYE"), 200);
  w.crash(100ms);
  w.sent.clear();
  c.bob.respond(again, 200, offer);
  CHECK(w.seen(alice_at) == strings{"200"});
  w.wait(70s);
  CHECK(w.ended);
}

TEST_CASE("proxy: a 2xx passes even if the ringing call was lost with its node [RFC 3261 16.7]") {
  proxy_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto late = sip::to_bytes(bob.response(bob.expect("INVITE"), 200, offer));
  const auto effects = session::on_orphan(*w.env, here, late, bob_at);
  REQUIRE(effects.size() == 1);
  const auto& passed = std::get<session::send>(effects[0]);
  CHECK(passed.destination == alice_at);
  CHECK(sip::parse(passed.bytes)->headers("Via").size() == 1);
}

TEST_CASE("proxy: with a drill around it, it is still no party to the call [RFC 3261 16.6]") {
  proxy_world w{{{"target", "192.0.2.20:5060"}, {"drill_header", "X-Drill"}}};
  routed_call call{w};
  call.alice.send(call.alice.in_dialog("INFO"));
  const auto info = call.bob.expect("INFO");
  CHECK(info.headers("Via").size() == 2);
  call.bob.respond(info, 200);
  CHECK(w.seen(alice_at).back() == "200");
}

TEST_CASE(
    "proxy: contacts of equal q ring at once, the first 2xx wins and the others are cancelled "
    "[RFC 3261 16.6, 16.7]") {
  proxy_world w{{}};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  phone carol{w, carol_at, "carol"};
  alice.invite("sip:team@example.com");
  w.locate({at("sip:bob@192.0.2.20"), at("sip:carol@192.0.2.30")});
  const auto to_bob = bob.expect("INVITE");
  const auto to_carol = carol.expect("INVITE");
  CHECK(to_bob.top_via()->branch() != to_carol.top_via()->branch());
  CHECK(to_bob.header("Max-Breadth") == "30"); // RFC 5393 5.3.3
  bob.respond(to_bob, 180);
  carol.respond(to_carol, 180);
  CHECK(w.seen(alice_at) == strings{"100", "180", "180"});
  bob.respond(to_bob, 200, offer);
  CHECK(w.seen(alice_at) == strings{"200"});
  const auto cancel = carol.expect("CANCEL");
  CHECK(cancel.top_via()->branch() == to_carol.top_via()->branch());
  carol.respond(cancel, 200);
  carol.respond(to_carol, 487);
  CHECK(w.seen(carol_at) == strings{"ACK"});
  CHECK(w.seen(alice_at).empty());
}

TEST_CASE("proxy: both 2xx of a fork go back [RFC 3261 16.7 step 5]") {
  proxy_world w{{}};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  phone carol{w, carol_at, "carol"};
  alice.invite("sip:team@example.com");
  w.locate({at("sip:bob@192.0.2.20"), at("sip:carol@192.0.2.30")});
  const auto to_bob = bob.expect("INVITE");
  const auto to_carol = carol.expect("INVITE");
  bob.respond(to_bob, 200, offer);
  carol.respond(to_carol, 200, offer);
  CHECK(w.seen(alice_at) == strings{"100", "200", "200"});
}

TEST_CASE("proxy: lower q waits for the failure of higher q; sequential forks one at a time") {
  for (const bool sequential : {false, true}) {
    proxy_world w{sequential ? applications::settings{{"fork", "sequential"}}
                             : applications::settings{}};
    phone alice{w, alice_at, "alice"};
    phone bob{w, bob_at, "bob"};
    phone carol{w, carol_at, "carol"};
    alice.invite("sip:team@example.com");
    w.locate({at("sip:bob@192.0.2.20", 900), at("sip:carol@192.0.2.30", sequential ? 900 : 500)});
    const auto to_bob = bob.expect("INVITE");
    CHECK(w.seen(carol_at).empty());
    bob.respond(to_bob, 486);
    const auto to_carol = carol.expect("INVITE");
    carol.respond(to_carol, 200, offer);
    CHECK(w.seen(alice_at) == strings{"100", "200"});
  }
}

TEST_CASE("proxy: the best failure goes back, with every challenge [RFC 3261 16.7 steps 6, 7]") {
  struct row {
    int bob;
    int carol;
    const char* answer;
  };
  for (const auto& r :
       {row{486, 404, "486"}, row{503, 503, "500"}, row{500, 404, "404"}, row{404, 600, "600"},
        row{302, 486, "302"}, row{480, 407, "407"}, row{401, 407, "401"}}) {
    proxy_world w{{}};
    phone alice{w, alice_at, "alice"};
    phone bob{w, bob_at, "bob"};
    phone carol{w, carol_at, "carol"};
    alice.invite("sip:team@example.com");
    w.locate({at("sip:bob@192.0.2.20"), at("sip:carol@192.0.2.30")});
    const auto refuse = [&](phone& p, int status) {
      auto response = p.response(p.expect("INVITE"), status);
      if (status == 401) response.add("WWW-Authenticate", "Digest realm=\"a\", nonce=\"1\"");
      if (status == 407) response.add("Proxy-Authenticate", "Digest realm=\"b\", nonce=\"2\"");
      p.send(response);
    };
    refuse(bob, r.bob);
    CHECK(w.seen(alice_at) == strings{"100"});
    refuse(carol, r.carol);
    const auto answer = alice.expect(r.answer);
    if (r.bob == 401) {
      CHECK(answer.has("WWW-Authenticate"));
      CHECK(answer.has("Proxy-Authenticate"));
    }
  }
}

TEST_CASE(
    "proxy: CANCEL goes to every branch, and the callee's 487 to the caller [RFC 3261 16.10]") {
  proxy_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 180);
  w.sent.clear();
  alice.cancel();
  CHECK(w.seen(alice_at) == strings{"200"}); // to the CANCEL
  bob.expect("CANCEL");
  bob.respond(invite, 487);
  CHECK(w.seen(alice_at) == strings{"487"});
}

TEST_CASE(
    "proxy: timer C cancels a branch that rings without news, a 18x renews it [RFC 3261 16.8]") {
  proxy_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 180);
  w.wait(150s);
  bob.respond(invite, 183);
  w.wait(150s);
  CHECK(w.seen(bob_at).empty());
  w.wait(40s);
  bob.expect("CANCEL");
}

TEST_CASE("proxy: what it refuses [RFC 3261 16.3]") {
  proxy_world w;
  phone alice{w, alice_at, "alice"};
  auto spent = alice.request("INVITE", "sip:bob@example.com", offer);
  spent.set("Max-Forwards", "0");
  alice.send(spent);
  CHECK(w.seen(alice_at) == strings{"483"});
  auto needy = alice.request("INVITE", "sip:bob@example.com", offer);
  needy.add("Proxy-Require", "foo");
  needy.add("Require", "bar"); // of the callee, not of us
  alice.send(needy);
  CHECK(alice.expect("420").header("Unsupported") == "foo");
  auto broad = alice.request("INVITE", "sip:bob@example.com", offer);
  broad.add("Max-Breadth", "0");
  alice.send(broad);
  CHECK(w.seen(alice_at).back() == "440");
}

TEST_CASE(
    "proxy: an unchanged request that comes again is a loop, a changed one a spiral [RFC 5393]") {
  proxy_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  auto back = bob.expect("INVITE"); // bob's element sends it back to us
  back.prepend("Via", "SIP/2.0/UDP 192.0.2.20;branch=z9hG4bK-hop");
  auto spiral = back;
  back.request_uri = "sip:bob@example.com";
  bob.send(back);
  CHECK(w.seen(bob_at).back() == "482");
  spiral.request_uri = "sip:bob2@example.com";
  spiral.replace_first("Via", "SIP/2.0/UDP 192.0.2.20;branch=z9hG4bK-hop2");
  bob.send(spiral);
  CHECK(bob.expect("INVITE").request_uri == "sip:bob2@192.0.2.20:5060");
}

TEST_CASE("proxy: preloaded and strict routes are followed [RFC 3261 16.4, 16.6, 16.12]") {
  proxy_world w{{}};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  auto request = alice.request("INVITE", "sip:carol@elsewhere.example", offer);
  request.add("Route", "<sip:192.0.2.1:5060;lr>");
  request.add("Route", "<sip:192.0.2.20;lr>");
  alice.send(request);
  auto passed = bob.expect("INVITE");
  CHECK(passed.request_uri == "sip:carol@elsewhere.example");
  CHECK(passed.headers("Route").size() == 1);
  auto strict = alice.request("INVITE", "sip:carol@elsewhere.example", offer);
  strict.add("Route", "<sip:192.0.2.20>");
  alice.send(strict);
  passed = bob.expect("INVITE");
  CHECK(passed.request_uri == "sip:192.0.2.20");
  CHECK(passed.headers("Route").back() == "<sip:carol@elsewhere.example>");
}

TEST_CASE("proxy: a strict router in the dialog makes our URI the Request-URI [RFC 3261 16.4]") {
  proxy_world w;
  routed_call c{w};
  auto info = c.alice.in_dialog("INFO");
  const auto ours = info.routes()->front().uri;
  const auto target = info.request_uri;
  info.request_uri = sip::to_string(ours);
  info.set("Route", "<" + target + ">");
  c.alice.send(info);
  const auto passed = c.bob.expect("INFO");
  CHECK(passed.request_uri == target);
  CHECK_FALSE(passed.has("Route"));
}

TEST_CASE(
    "proxy: nobody registered is 480, no such user 404, a moving shard 480 with Retry-After") {
  using outcome = session::answered::outcome;
  for (const auto& [what, status] :
       {std::pair{outcome::reply, "480"}, std::pair{outcome::no_such_session, "404"},
        std::pair{outcome::timed_out, "480"}}) {
    proxy_world w{{}};
    phone alice{w, alice_at, "alice"};
    alice.invite("sip:bob@example.com");
    const auto asked = w.question();
    REQUIRE(asked.has_value());
    w.run(session::answered{.id = asked->id,
                            .what = what,
                            .bytes = encode(applications::location_reply{.contacts = {}})});
    CHECK(alice.expect(status).has("Retry-After") == (what == outcome::timed_out));
  }
}

TEST_CASE("proxy: a contact's Path becomes its Route, and its address the Request-URI [RFC 3327]") {
  proxy_world w{{}};
  phone alice{w, alice_at, "alice"};
  phone edge{w, bob_at, "edge"};
  alice.invite("sip:bob@example.com");
  auto contact = at("sip:bob@10.0.0.1");
  contact.path = {"<sip:192.0.2.20;lr>"};
  w.locate({contact});
  const auto invite = edge.expect("INVITE");
  CHECK(invite.request_uri == "sip:bob@10.0.0.1");
  CHECK(invite.headers("Route").front() == "<sip:192.0.2.20;lr>");
}

TEST_CASE("proxy: identities are asserted for proved users, and believed from trusted hosts only "
          "[RFC 3325]") {
  const auto pass = [](bool trusted_caller, bool trusted_callee, const std::string& privacy) {
    proxy_world w;
    if (trusted_caller) w.env->trusted_hosts.push_back(alice_at.host);
    if (trusted_callee) w.env->trusted_hosts.push_back(bob_at.host);
    phone alice{w, alice_at, "alice"};
    phone bob{w, bob_at, "bob"};
    auto request = alice.request("INVITE", "sip:bob@example.com", offer);
    request.add("P-Asserted-Identity", "<sip:president@example.com>");
    if (!privacy.empty()) request.add("Privacy", privacy);
    alice.send(request);
    return bob.expect("INVITE").has("P-Asserted-Identity");
  };
  CHECK_FALSE(pass(false, true, ""));
  CHECK(pass(true, true, ""));
  CHECK(pass(true, false, ""));
  CHECK_FALSE(pass(true, false, "id"));
  CHECK(pass(true, true, "id"));
  proxy_world w;
  phone alice{w, alice_at, "alice"};
  auto request = alice.request("INVITE", "sip:bob@example.com", offer);
  request.add("Privacy", "session;critical"); // RFC 3323 5
  alice.send(request);
  CHECK(w.seen(alice_at) == strings{"500"});
}

TEST_CASE("proxy: digest asks with 407, and asserts who was proved [RFC 3261 22.3, RFC 3325]") {
  proxy_world w;
  constexpr auto algorithm = hash_algorithm::sha_256;
  const auto ha1 = sip::ha1_of(algorithm, "alice", "example.com", "secret");
  w.env->authentication =
      session::gatekeeper{.realm = "example.com",
                          .nonce_key = "a key",
                          .accounts = {{"alice", "example.com", algorithm, ha1}},
                          .open_methods = {}};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  auto request = alice.request("INVITE", "sip:bob@example.com", offer);
  alice.send(request);
  const auto challenge = sip::parse_challenge(*alice.expect("407").header("Proxy-Authenticate"));
  REQUIRE(challenge.has_value());
  request.set("CSeq", "2 INVITE");
  request.replace_first("Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-again");
  request.add("Proxy-Authorization",
              sip::to_string(sip::answer_to(*challenge, "alice", ha1, "INVITE", request.request_uri,
                                            request.body, "c", 1)));
  alice.send(request);
  const auto invite = bob.expect("INVITE");
  CHECK_FALSE(invite.has("Proxy-Authorization"));
  CHECK(invite.header("P-Asserted-Identity") == "<sip:alice@example.com>");
}

TEST_CASE("proxy: redirections are passed back or followed, each contact once") {
  for (const bool follow : {false, true}) {
    proxy_world w{{{"target", "192.0.2.20:5060"}, {"redirect", follow ? "follow" : "pass"}}};
    phone alice{w, alice_at, "alice"};
    phone bob{w, bob_at, "bob"};
    phone carol{w, carol_at, "carol"};
    alice.invite("sip:bob@example.com");
    auto moved = sip::make_response(bob.expect("INVITE"), 302, "", "bob-tag");
    moved.add("Contact", "<sip:carol@192.0.2.30>");
    moved.add("Contact", "<sip:bob@192.0.2.20:5060>"); // it was there already
    bob.send(moved);
    if (follow) {
      carol.respond(carol.expect("INVITE"), 486);
      CHECK(w.seen(bob_at) == strings{"ACK"});
      CHECK(w.seen(alice_at) == strings{"100", "486"});
    } else {
      CHECK(w.seen(alice_at) == strings{"100", "302"});
    }
  }
}

TEST_CASE("proxy: other requests pass too; a time-out is answered 408 to an INVITE alone [RFC 3261 "
          "16.7, RFC 4320 4.1]") {
  proxy_world w;
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  const auto message = alice.request("MESSAGE", "sip:bob@example.com", "hi");
  alice.send(message);
  bob.respond(bob.expect("MESSAGE"), 202);
  CHECK(w.seen(alice_at) == strings{"202"});
  alice.send(alice.request("BREWCOFFEE", "sip:bob@example.com"));
  bob.expect("BREWCOFFEE");
  w.wait(33s);
  const auto finals = w.seen(alice_at); // it would come when nobody waits for it any more
  CHECK(std::count(finals.begin(), finals.end(), "408") == 0);
  alice.invite("sip:bob@example.com");
  w.wait(33s);
  CHECK(w.seen(alice_at).back() == "408");
}

namespace {

applications::contact_location bob_over(const flow& connection) {
  return {.uri = "sip:bob@xyz0987.invalid;transport=ws", .destination = to_string(connection)};
}

// Alice and bob are connected, and their Contacts lead nowhere (RFC 7118 5).
struct connected_call {
  explicit connected_call(proxy_world& at)
      : w{at}, alice{at, alices, "alice"}, bob{at, bobs, "bob"} {
    auto invite = alice.request("INVITE", "sip:bob@example.com", offer);
    invite.set("Contact", "<sip:alice@df7jal23ls0d.invalid;transport=ws>");
    alice.send(invite);
    w.locate({bob_over(bobs)});
    const auto asked = bob.expect("INVITE");
    auto success = bob.response(asked, 200, offer);
    success.set("Contact", "<sip:bob@xyz0987.invalid;transport=ws>");
    bob.send(success);
    const auto learnt = alice.expect("200");
    alice.dialog = sip::make_uac_dialog(invite, learnt).value();
    bob.dialog = sip::make_uas_dialog(asked, success).value();
    alice.ack();
    bob.expect("ACK");
    w.sent.clear();
  }

  const flow alices{alice_at, transport::tcp, "proxy-1/1.7"};
  const flow bobs{bob_at, transport::tcp, "proxy-2/1.3"};
  proxy_world& w;
  phone alice;
  phone bob;
};

} // namespace

TEST_CASE("proxy: who is connected is reached over the connection in the dialog, both ways "
          "[RFC 5626 5.3, RFC 7118]") {
  proxy_world w{{}};
  w.env->domains = {"example.com"};
  connected_call c{w};
  c.bob.send(c.bob.in_dialog("INFO"));
  c.alice.respond(c.alice.expect("INFO"), 200);
  c.bob.expect("200");
  w.crash(1s);
  c.alice.send(c.alice.in_dialog("BYE"));
  c.bob.respond(c.bob.expect("BYE"), 200);
  c.alice.expect("200");
}

TEST_CASE("proxy: who has connected anew is reached there from its next request on") {
  proxy_world w{{}};
  w.env->domains = {"example.com"};
  connected_call c{w};
  const flow next{endpoint{"192.0.2.10", 40112}, transport::tcp, "proxy-2/1.9"};
  w.deliver(next, sip::to_bytes(c.alice.in_dialog("INFO")));
  c.bob.respond(c.bob.expect("INFO"), 200);
  CHECK(w.taken(next).size() == 1);
  c.bob.send(c.bob.in_dialog("BYE"));
  const auto bye = w.taken(next);
  REQUIRE(bye.size() == 1);
  CHECK(bye.front().message.is("BYE"));
}

TEST_CASE("proxy: a connection that is gone is looked up at the registrar, then the Contact is "
          "tried [RFC 3263 4.3]") {
  proxy_world w{{}};
  w.env->domains = {"example.com"};
  connected_call c{w};
  c.alice.send(c.alice.in_dialog("INFO"));
  const auto info = c.bob.expect("INFO");
  w.run(session::send_failed{.branch = info.top_via()->branch()});
  const auto asked = w.question();
  REQUIRE(asked.has_value());
  CHECK(asked->key == "aor:sip:bob@example.com");
  const flow next{endpoint{"192.0.2.20", 40113}, transport::tcp, "proxy-1/1.12"};
  w.locate({bob_over(next)});
  const auto again = w.taken(next);
  REQUIRE(again.size() == 1);
  CHECK(again.front().message.request_uri == info.request_uri);
}

TEST_CASE("forwarding rules: the order of final responses [RFC 3261 16.7 step 6]") {
  CHECK(sip::better_response(404, 0));
  CHECK_FALSE(sip::better_response(404, 404));
  CHECK(sip::better_response(404, 500));
  CHECK(sip::better_response(603, 302));
  CHECK_FALSE(sip::better_response(302, 603));
  CHECK(sip::better_response(407, 404));
  CHECK_FALSE(sip::better_response(404, 407));
  CHECK(sip::better_response(302, 404));
}
