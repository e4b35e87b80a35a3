// The answering machine, the drill around it, and the table that names applications.
#include "protocol/applications/answer.hpp"
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

std::vector<session::application_rule> answering(applications::settings settings = {}) {
  return {{.application = "answer",
           .methods = {},
           .domains = {},
           .users = {},
           .settings = std::move(settings)}};
}

} // namespace

TEST_CASE("answer: takes a call with an answer to each stream of the offer [RFC 3264 6]") {
  world w{answering()};
  phone alice{w, alice_at, "alice"};
  alice.invite("sip:answer@example.com", offer + "m=video 0 RTP/AVP 31\r\n");
  const auto ok = alice.expect("200");
  CHECK(ok.header("Content-Type") == "application/sdp");
  CHECK(ok.body.find("m=audio 9 RTP/AVP 0\r\na=inactive\r\n") != std::string::npos);
  CHECK(ok.body.find("m=video 0 RTP/AVP 31\r\n") != std::string::npos);
  alice.learn(ok);
  alice.ack();
  for (const char* method : {"INFO", "OPTIONS", "UPDATE", "MESSAGE"}) {
    alice.send(alice.in_dialog(method));
    alice.expect("200");
  }
  alice.send(alice.in_dialog("INVITE", offer));
  alice.expect("200");
  alice.ack();
  alice.send(alice.in_dialog("BYE"));
  alice.expect("200");
  w.wait(70s);
  CHECK(w.ended);
}

TEST_CASE("answer: an INVITE without an offer gets one, a body that is no SDP gets 488") {
  world w{answering()};
  phone alice{w, alice_at, "alice"};
  alice.invite("sip:answer@example.com", "");
  CHECK(alice.expect("200").body.find("m=audio") != std::string::npos);
  CHECK(applications::sdp_answer("garbage", "192.0.2.1", 1).empty());
}

TEST_CASE("answer: rings as long as it is told, also across a failover; CANCEL stops it") {
  world w{answering({{"ring_ms", "2000"}})};
  phone alice{w, alice_at, "alice"};
  alice.invite("sip:answer@example.com");
  CHECK(w.seen(alice_at) == strings{"180"});
  SUBCASE("answers") {
    w.wait(1900ms);
    CHECK(w.seen(alice_at).empty());
    w.wait(200ms);
    CHECK(w.seen(alice_at) == strings{"200"});
  }
  SUBCASE("moved while ringing") {
    w.held = w.subject.snapshot(w.now);
    w.held_since = w.now;
    w.crash(500ms);
    w.wait(1400ms);
    CHECK(w.seen(alice_at).empty());
    w.wait(200ms);
    CHECK(w.seen(alice_at) == strings{"200"});
  }
  SUBCASE("cancelled") {
    alice.cancel();
    CHECK(w.seen(alice_at) == strings{"200", "487"});
    w.wait(3s);
    const auto later = w.seen(alice_at);
    CHECK(std::count(later.begin(), later.end(), "200") == 0);
  }
}

TEST_CASE("drill: throws as ordered, then lets the re-delivered message through") {
  world w{answering({{"drill_header", "X-Drill"}})};
  phone alice{w, alice_at, "alice"};
  alice.invite("sip:answer@example.com");
  alice.learn(alice.expect("200"));
  alice.ack();
  auto info = alice.in_dialog("INFO");
  SUBCASE("until a restart") {
    info.add("X-Drill", "throw-until:1");
    CHECK_THROWS_AS(alice.send(info), std::runtime_error);
    w.crash(10ms, 1);
    alice.send(info);
    alice.expect("200");
  }
  SUBCASE("the restart count is in the snapshot") {
    info.add("X-Drill", "throw-until:1");
    w.crash(10ms, 1);
    w.held = w.subject.snapshot(w.now);
    w.held_since = w.now;
    w.crash(10ms);
    alice.send(info);
    alice.expect("200");
  }
  SUBCASE("always") {
    info.add("X-Drill", "throw");
    CHECK_THROWS_AS(alice.send(info), std::runtime_error);
    w.crash(10ms, 5);
    CHECK_THROWS_AS(alice.send(info), std::runtime_error);
  }
}

TEST_CASE("drill: the header means nothing where no rule asks for it") {
  world w{answering()};
  phone alice{w, alice_at, "alice"};
  auto m = alice.request("INVITE", "sip:answer@example.com", offer);
  m.add("X-Drill", "throw");
  alice.send(m);
  alice.expect("200");
}

TEST_CASE("rules: a mistake names the rule and what to write instead") {
  struct row {
    const char* application;
    applications::settings settings;
    const char* says;
  };
  for (const auto& r :
       {row{"b2bau",
            {},
            "rule 1 (b2bau): there is no application \"b2bau\"; write one of: answer, "
            "b2bua, proxy, registrar"},
        row{"answer",
            {{"ring_ms", "soon"}},
            "rule 1 (answer): ring_ms is \"soon\"; write a number"},
        row{"answer", {{"ring", "1"}}, "there is no setting \"ring\"; known are: ring_ms"},
        row{"b2bua", {{"target", "127.0.0.1:nine"}}, "write host:port or a SIP URI"},
        row{"registrar", {{"minimum_expires", "0"}}, "minimum_expires is \"0\""}}) {
    const auto env = environment_with({{.application = r.application,
                                        .methods = {},
                                        .domains = {},
                                        .users = {},
                                        .settings = r.settings}});
    const auto verdict = session::check(*env);
    REQUIRE_FALSE(verdict.has_value());
    INFO(verdict.error().what);
    CHECK(verdict.error().what.find(r.says) != std::string::npos);
  }
  CHECK(session::check(*environment_with()).has_value());
  CHECK(session::check(*environment_with(answering({{"drill_header", "X-Drill"}}))).has_value());
}

TEST_CASE("rules: the first that fits decides by method, domain and user") {
  const auto env = environment_with();
  const auto chosen = [&](const std::string& method, const std::string& uri) {
    sip::message m;
    m.method = method;
    m.request_uri = uri;
    const auto* rule = env->rule_for(m);
    return rule == nullptr ? "none" : rule->application;
  };
  CHECK(chosen("REGISTER", "sip:example.com") == "registrar");
  CHECK(chosen("INVITE", "sip:answer@example.com") == "answer");
  CHECK(chosen("INVITE", "sip:bob@example.com") == "b2bua");
  env->rules = {
      {.application = "answer", .methods = {}, .domains = {"a.org"}, .users = {}, .settings = {}}};
  CHECK(chosen("INVITE", "sip:bob@A.ORG") == "answer");
  CHECK(chosen("INVITE", "sip:bob@b.org") == "none");
}
