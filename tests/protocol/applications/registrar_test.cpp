// RFC 3261 10.3, and what a failover must not change about it.
#include "protocol/applications/location.hpp"
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

struct registrar_world : world {
  explicit registrar_world(applications::settings settings = {})
      : world{{{.application = "registrar",
                .methods = {},
                .domains = {},
                .users = {},
                .settings = std::move(settings)}}} {}
};

sip::message register_request(phone& p, const std::string& contact,
                              const std::string& expires = "") {
  auto m = p.request("REGISTER", "sip:example.com");
  m.set("To", "<sip:bob@example.com>");
  m.remove("Contact");
  if (!contact.empty()) m.add("Contact", contact);
  if (!expires.empty()) m.add("Expires", expires);
  return m;
}

std::vector<std::string> located(world& w) {
  w.run(session::asked{.bytes = question_to_application(encode(applications::location_query{})),
                       .reply_to = "x"});
  std::vector<std::string> list;
  for (const auto& e : w.effects)
    if (const auto* a = std::get_if<session::answer>(&e)) {
      CHECK(a->reply_to == "x");
      const auto reply = decode<applications::location_reply>(a->bytes);
      REQUIRE(reply.has_value());
      for (const auto& c : reply->contacts)
        list.push_back(c.uri + (c.destination.empty() ? "" : " via " + c.destination));
    }
  return list;
}

const std::string here_bob = "<sip:bob@192.0.2.20:5060>";

} // namespace

TEST_CASE("registrar: a binding is committed before its 200, and located") {
  registrar_world w;
  phone bob{w, bob_at, "bob"};
  bob.send(register_request(bob, here_bob, "300"));
  const auto out = w.taken(bob_at);
  REQUIRE(out.size() == 1);
  CHECK(out[0].dependent);
  CHECK(out[0].message.status == 200);
  CHECK(out[0].message.header("Contact") == here_bob + ";expires=300");
  CHECK(w.subject.keys() == strings{"aor:sip:bob@example.com"});
  CHECK(w.subject.stable());
  CHECK(located(w) == strings{"sip:bob@192.0.2.20:5060"});
}

TEST_CASE("registrar: a binding ends when its time is over, and the session 64*T1 later") {
  registrar_world w;
  phone bob{w, bob_at, "bob"};
  bob.send(register_request(bob, here_bob, "60"));
  w.wait(59s);
  CHECK(located(w).size() == 1);
  w.wait(2s);
  CHECK(located(w).empty());
  CHECK_FALSE(w.subject.stable());
  CHECK_FALSE(w.ended);
  w.wait(33s);
  CHECK(w.ended);
}

TEST_CASE(
    "registrar: a refresh starts the time anew, a copy of an old one is refused [RFC 3261 10.3]") {
  registrar_world w;
  phone bob{w, bob_at, "bob"};
  const auto first = register_request(bob, here_bob, "60");
  bob.send(first);
  w.wait(50s);
  bob.send(register_request(bob, here_bob, "60"));
  w.wait(50s);
  CHECK(located(w).size() == 1);
  auto stale = first;
  stale.replace_first("Via", "SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK-stale");
  w.sent.clear();
  bob.send(stale);
  bob.expect("500");
}

TEST_CASE("registrar: several contacts are bound and removed one by one") {
  registrar_world w;
  phone bob{w, bob_at, "bob"};
  bob.send(register_request(bob, "<sip:bob@192.0.2.20:5060>;q=0.2, <sip:bob@192.0.2.21>;q=0.75"));
  const auto all = bob.expect("200");
  CHECK(all.headers("Contact").size() == 2);
  CHECK(all.contacts()->at(1).q() == 750);
  CHECK(located(w) == strings{"sip:bob@192.0.2.21 via 192.0.2.20:5060", "sip:bob@192.0.2.20:5060"});
  bob.send(register_request(bob, "<sip:bob@192.0.2.21>;expires=0"));
  CHECK(bob.expect("200").headers("Contact").size() == 1);
  bob.send(register_request(bob, ""));
  CHECK(bob.expect("200").headers("Contact").size() == 1);
  bob.send(register_request(bob, "*", "0"));
  CHECK_FALSE(bob.expect("200").has("Contact"));
  CHECK(located(w).empty());
}

TEST_CASE("registrar: contacts of other schemes are listed, and not called [RFC 3261 10.2.1]") {
  registrar_world w;
  phone bob{w, bob_at, "bob"};
  bob.send(register_request(bob, here_bob, "300"));
  bob.expect("200");
  bob.send(register_request(bob, "<mailto:bob@example.com>, <tel:+1234>", "300"));
  const auto answer = bob.expect("200");
  const auto listed = answer.headers("Contact");
  REQUIRE(listed.size() == 3);
  CHECK(listed[1] == "<mailto:bob@example.com>;expires=300");
  CHECK(located(w) == strings{"sip:bob@192.0.2.20:5060"});
  bob.send(register_request(bob, "<tel:+12-34>", "0")); // the same number (RFC 3966 4)
  CHECK(bob.expect("200").headers("Contact").size() == 2);
}

TEST_CASE("registrar: refusals change nothing") {
  struct row {
    const char* contact;
    const char* expires;
    int status;
  };
  for (const auto& r : {row{"*", "60", 400}, row{"*", "", 400}, row{"*, <sip:a@b>", "0", 400},
                        row{"<sip:bob@192.0.2.22>, <sip:bob@192.0.2.23>;expires=3", "300", 423}}) {
    CAPTURE(r.contact);
    registrar_world w;
    phone bob{w, bob_at, "bob"};
    bob.send(register_request(bob, here_bob, "300"));
    w.sent.clear();
    bob.send(register_request(bob, r.contact, r.expires));
    const auto refusal = bob.expect(std::to_string(r.status));
    if (r.status == 423) CHECK(refusal.header("Min-Expires") == "10");
    CHECK(located(w) == strings{"sip:bob@192.0.2.20:5060"});
  }
}

TEST_CASE("registrar: the limits are settings, with a ceiling and a default") {
  registrar_world w{
      {{"minimum_expires", "30"}, {"maximum_expires", "600"}, {"default_expires", "90"}}};
  phone bob{w, bob_at, "bob"};
  bob.send(register_request(bob, here_bob));
  CHECK(bob.expect("200").header("Contact") == here_bob + ";expires=90");
  bob.send(register_request(bob, here_bob, "99999"));
  CHECK(bob.expect("200").header("Contact") == here_bob + ";expires=600");
  bob.send(register_request(bob, here_bob, "29"));
  bob.expect("423");
}

TEST_CASE("registrar: a foreign domain is 403, an address of one 404 [RFC 3261 10.3]") {
  registrar_world w;
  w.env->domains = {"example.com"};
  phone bob{w, bob_at, "bob"};
  auto m = register_request(bob, here_bob);
  m.request_uri = "sip:elsewhere.org";
  bob.send(m);
  bob.expect("403");
  m = register_request(bob, here_bob);
  m.set("To", "<sip:bob@elsewhere.org>");
  bob.send(m);
  bob.expect("404");
  bob.send(register_request(bob, here_bob));
  bob.expect("200");
}

TEST_CASE("registrar: after a failover a binding rings for the rest of its time, and not longer") {
  registrar_world w;
  phone bob{w, bob_at, "bob"};
  bob.send(register_request(bob, here_bob, "60"));
  w.wait(20s);
  w.crash(500ms);
  bob.send(register_request(bob, ""));
  CHECK(bob.expect("200").contacts()->front().expires() == 40U);
  w.wait(38s);
  CHECK(located(w).size() == 1);
  w.wait(3s);
  CHECK(located(w).empty());
}

TEST_CASE("registrar: a binding that ran out while nobody owned the session has 2 s of grace") {
  registrar_world w;
  phone bob{w, bob_at, "bob"};
  bob.send(register_request(bob, here_bob, "60"));
  w.wait(59s);
  w.crash(2s);
  CHECK(located(w).size() == 1);
  SUBCASE("the refresh was held at a proxy and counts") {
    bob.send(register_request(bob, here_bob, "60"));
    w.wait(30s);
    CHECK(located(w).size() == 1);
  }
  SUBCASE("no refresh comes") {
    w.wait(3s);
    CHECK(located(w).empty());
  }
}

TEST_CASE("registrar: a REGISTER whose 200 was lost with its node gets the same 200 again") {
  registrar_world w;
  phone bob{w, bob_at, "bob"};
  const auto m = register_request(bob, here_bob, "60");
  bob.send(m);
  const auto first = bob.expect("200");
  const auto commits = w.commits;
  w.crash(100ms);
  bob.send(m);
  CHECK(bob.expect("200") == first);
  CHECK(w.commits == commits);
}
