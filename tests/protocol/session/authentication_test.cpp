// Digest as a server for users and as a client towards trunks (RFC 3261 22, RFC 8760).
#include "protocol/session/authentication.hpp"
#include "tests/protocol/session/stage.hpp"

using namespace stage;

namespace {

constexpr auto algorithm = hash_algorithm::sha_256;
const std::string realm = "example.com";

session::account account_of(const std::string& user, const std::string& password) {
  return {user, realm, algorithm, sip::ha1_of(algorithm, user, realm, password)};
}

session::gatekeeper keeper() {
  return {.realm = realm,
          .nonce_key = "a key for nonces",
          .algorithms = {hash_algorithm::sha_256, hash_algorithm::sha_512_256},
          .accounts = {account_of("alice", "secret"), account_of("bob", "other")},
          .open_methods = {}};
}

struct guarded_world : world {
  explicit guarded_world(std::vector<session::application_rule> rules = session::default_rules())
      : world{std::move(rules)} {
    env->authentication = keeper();
  }
};

// `request` once more, with the credentials that the challenge asks for.
sip::message with_credentials(sip::message request, const sip::message& challenge,
                              const std::string& user, const std::string& password,
                              std::uint32_t count = 1) {
  const auto asked = sip::parse_challenge(*challenge.header("WWW-Authenticate"));
  REQUIRE(asked.has_value());
  const auto number = request.cseq()->number + 1;
  request.set("CSeq", std::to_string(number) + " " + request.method);
  auto top = *request.top_via();
  sip::set_param(top.params, "branch", top.branch() + "-" + std::to_string(number));
  request.replace_first("Via", sip::to_string(top));
  request.set("Authorization",
              sip::to_string(sip::answer_to(
                  *asked, user, sip::ha1_of(asked->algorithm, user, asked->realm, password),
                  request.method, request.request_uri, request.body, "cnonce", count)));
  return request;
}

sip::message next(sip::message request, unsigned add) {
  request.set("CSeq", std::to_string(request.cseq()->number + add) + " " + request.method);
  auto top = *request.top_via();
  sip::set_param(top.params, "branch", top.branch() + "+" + std::to_string(add));
  request.replace_first("Via", sip::to_string(top));
  return request;
}

bool is_stale(const sip::message& response) {
  return sip::parse_challenge(*response.header("WWW-Authenticate"))->stale;
}

sip::message register_of(phone& p, const std::string& user) {
  auto m = p.request("REGISTER", "sip:example.com");
  m.set("To", "<sip:" + user + "@example.com>");
  return m;
}

} // namespace

TEST_CASE("digest server: a REGISTER is challenged with SHA-256 first, and taken with credentials "
          "[RFC 3261 22.2, RFC 8760 2.3]") {
  guarded_world w;
  phone alice{w, alice_at, "alice"};
  const auto request = register_of(alice, "alice");
  alice.send(request);
  CHECK(w.commits == 0); // anybody would be asked again
  const auto challenge = alice.expect("401");
  const auto offered = challenge.headers("WWW-Authenticate");
  REQUIRE(offered.size() == 2);
  CHECK(sip::parse_challenge(offered[0])->algorithm == hash_algorithm::sha_256);
  CHECK(sip::parse_challenge(offered[1])->algorithm == hash_algorithm::sha_512_256);
  CHECK_FALSE(is_stale(challenge));
  alice.send(with_credentials(request, challenge, "alice", "secret"));
  CHECK(alice.expect("200").has("Contact"));
}

TEST_CASE("digest server: wrong password, unknown user and MD5 that is not configured get the same "
          "answer") {
  guarded_world w;
  phone alice{w, alice_at, "alice"};
  const auto request = register_of(alice, "alice");
  alice.send(request);
  const auto challenge = alice.expect("401");
  std::vector<sip::message> answers;
  alice.send(with_credentials(request, challenge, "alice", "wrong"));
  answers.push_back(alice.expect("401"));
  alice.send(next(with_credentials(request, challenge, "nobody", "secret"), 1));
  answers.push_back(alice.expect("401"));
  auto md5 = challenge;
  md5.set("WWW-Authenticate",
          "Digest realm=\"example.com\", nonce=\""
              + sip::parse_challenge(*challenge.header("WWW-Authenticate"))->nonce
              + "\", qop=\"auth\"");
  alice.send(next(with_credentials(request, md5, "alice", "secret"), 2));
  answers.push_back(alice.expect("401"));
  for (const auto& answer : answers) {
    CHECK_FALSE(is_stale(answer));
    CHECK(answer.headers("WWW-Authenticate").size() == 2);
    CHECK(answer.fields.size() == answers.front().fields.size());
  }
}

TEST_CASE("digest server: who proves to be alice cannot register bob, nor call as bob [RFC 3261 "
          "10.3 step 4]") {
  guarded_world w;
  phone alice{w, alice_at, "alice"};
  const auto request = register_of(alice, "bob");
  alice.send(request);
  alice.send(with_credentials(request, alice.expect("401"), "alice", "secret"));
  CHECK(w.seen(alice_at) == strings{"403"});
}

TEST_CASE("digest server: a count used twice is stale, not forbidden; other counts go on [RFC 7616 "
          "3.4]") {
  guarded_world w;
  phone alice{w, alice_at, "alice"};
  const auto request = register_of(alice, "alice");
  alice.send(request);
  const auto challenge = alice.expect("401");
  alice.send(with_credentials(request, challenge, "alice", "secret", 1));
  alice.expect("200");
  alice.send(next(with_credentials(request, challenge, "alice", "secret", 3), 1));
  alice.expect("200");
  alice.send(next(with_credentials(request, challenge, "alice", "secret", 2), 2)); // overtaken
  alice.expect("200");
  alice.send(next(with_credentials(request, challenge, "alice", "secret", 3), 3));
  CHECK(is_stale(alice.expect("401")));
}

TEST_CASE(
    "digest server: after a failover the nonce is unknown: stale=true, and the next one works") {
  guarded_world w;
  phone alice{w, alice_at, "alice"};
  const auto request = register_of(alice, "alice");
  alice.send(request);
  const auto challenge = alice.expect("401");
  alice.send(with_credentials(request, challenge, "alice", "secret", 1));
  alice.expect("200");
  w.crash(100ms);
  const auto refresh = next(with_credentials(request, challenge, "alice", "secret", 2), 7);
  alice.send(refresh);
  const auto again = alice.expect("401");
  CHECK(is_stale(again));
  alice.send(with_credentials(refresh, again, "alice", "secret"));
  alice.expect("200");
}

TEST_CASE("digest server: a nonce past its lifetime is stale") {
  guarded_world w;
  phone alice{w, alice_at, "alice"};
  const auto request = register_of(alice, "alice");
  alice.send(request);
  const auto challenge = alice.expect("401");
  alice.send(with_credentials(request, challenge, "alice", "secret", 1));
  alice.expect("200");
  w.wait(301s);
  alice.send(next(with_credentials(request, challenge, "alice", "secret", 2), 1));
  CHECK(is_stale(alice.expect("401")));
}

TEST_CASE("digest server: a nonce has one spelling, so that no use of it goes uncounted") {
  const auto nonce = keeper().make_nonce(instant{1h}, 99);
  CHECK(keeper().genuine(nonce, instant{1h}));
  auto shouted = nonce;
  for (auto& c : shouted)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  CHECK_FALSE(keeper().genuine(shouted, instant{1h}));
}

TEST_CASE("digest server: a call asks the caller's address of record whether its nonce is good") {
  guarded_world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  sip::message challenge; // of another session: a registration
  challenge.status = 401;
  const auto nonce = w.env->authentication->make_nonce(w.now, 99);
  challenge.add("WWW-Authenticate", w.env->authentication->challenges(nonce, false).front());
  const auto invite = alice.request("INVITE", "sip:bob@example.com", offer);
  const auto ask_about = [&](const sip::message& request) {
    alice.send(request);
    const auto question = w.question();
    REQUIRE(question.has_value());
    CHECK(question->key == "aor:sip:alice@example.com");
    return *question;
  };
  const auto answer = [&](const session::ask& question, session::nonce_table::verdict verdict) {
    w.run(session::answered{.id = question.id,
                            .what = session::answered::outcome::reply,
                            .bytes = encode(session::nonce_answer{verdict})});
  };
  const auto first = ask_about(with_credentials(invite, challenge, "alice", "secret", 7));
  CHECK(w.seen(bob_at).empty());
  answer(first, session::nonce_table::verdict::fresh);
  const auto passed = bob.expect("INVITE");
  CHECK_FALSE(passed.has("Authorization")); // they were for us
  w.sent.clear();

  const auto second = ask_about(next(with_credentials(invite, challenge, "alice", "secret", 8), 1));
  answer(second, session::nonce_table::verdict::replayed);
  CHECK(is_stale(alice.expect("401")));
  ask_about(next(with_credentials(invite, challenge, "alice", "secret", 9), 2));
  w.wait(3s); // its shard is moving
  CHECK(is_stale(alice.expect("401")));
  for (const auto& o : w.taken(bob_at)) CHECK(o.message.call_id() == passed.call_id());
}

TEST_CASE("digest server: the session of the address of record counts for the calls too") {
  guarded_world w;
  phone alice{w, alice_at, "alice"};
  const auto request = register_of(alice, "alice");
  alice.send(request);
  const auto challenge = alice.expect("401");
  const auto nonce = sip::parse_challenge(*challenge.header("WWW-Authenticate"))->nonce;
  const auto ask = [&](const std::string& about, std::uint32_t count) {
    w.run(session::asked{
        .bytes = encode(session::question{
            session::question::subject::nonce, encode(session::nonce_question{about, count}), {}}),
        .reply_to = "x"});
    for (const auto& e : w.effects)
      if (const auto* said = std::get_if<session::answer>(&e))
        return decode<session::nonce_answer>(said->bytes)->verdict;
    return session::nonce_table::verdict::unknown;
  };
  CHECK(ask(nonce, 1) == session::nonce_table::verdict::fresh);
  CHECK(ask(nonce, 1) == session::nonce_table::verdict::replayed);
  CHECK(ask("made up", 1) == session::nonce_table::verdict::unknown);
}

TEST_CASE(
    "digest server: BYE within a dialog is challenged, ACK and CANCEL never [RFC 3261 22.1]") {
  guarded_world w{b2bua_to("192.0.2.20:5060")};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  const auto first = alice.request("INVITE", "sip:bob@example.com", offer);
  alice.send(first);
  const auto authorized = with_credentials(first, alice.expect("401"), "alice", "secret");
  alice.send(authorized);
  const auto invite = bob.expect("INVITE");
  bob.respond(invite, 200, offer);
  auto made = sip::make_uac_dialog(authorized, alice.expect("200"));
  REQUIRE(made.has_value());
  alice.dialog = std::move(*made);
  alice.ack();
  const auto commits = w.commits;
  CHECK(commits > 1); // the ACK has been taken
  const auto bye = alice.in_dialog("BYE");
  alice.send(bye);
  const auto challenge = alice.expect("401");
  CHECK(w.subject.stable());
  alice.send(with_credentials(bye, challenge, "alice", "secret"));
  CHECK(w.seen(alice_at) == strings{"200"});
}

TEST_CASE("digest server: open methods and trusted addresses are not asked") {
  guarded_world w;
  w.env->authentication->open_methods = {"OPTIONS"};
  w.env->authentication->trusted_hosts = {carol_at.host};
  phone alice{w, alice_at, "alice"};
  alice.send(alice.request("OPTIONS", "sip:example.com"));
  CHECK(w.seen(alice_at) == strings{"200"});
  phone carol{w, carol_at, "carol"};
  carol.call_id = "another";
  carol.send(register_of(carol, "carol"));
  CHECK(w.seen(carol_at) == strings{"200"});
}

TEST_CASE("digest client: a trunk's challenge is answered under the application's transaction "
          "[RFC 3261 22.2]") {
  for (const int status : {401, 407}) {
    world w{b2bua_to("192.0.2.20:5060")};
    w.env->trunk_accounts = {
        {"holdfast", "trunk", algorithm, sip::ha1_of(algorithm, "holdfast", "trunk", "secret")}};
    phone alice{w, alice_at, "alice"};
    phone trunk{w, bob_at, "trunk"};
    alice.invite("sip:bob@example.com");
    const auto invite = trunk.expect("INVITE");
    auto refusal = trunk.response(invite, status);
    const auto* name = status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate";
    refusal.add(name, "Digest realm=\"elsewhere\", nonce=\"1\", algorithm=SHA-256, qop=\"auth\"");
    refusal.add(name, "Digest realm=\"trunk\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\"");
    trunk.send(refusal);
    const auto sent = w.taken(bob_at);
    REQUIRE(sent.size() == 2); // ACK, and the INVITE again
    const auto& again = sent[0].message.is("ACK") ? sent[1].message : sent[0].message;
    CHECK(again.cseq()->number == invite.cseq()->number + 1);
    CHECK(again.call_id() == invite.call_id());
    CHECK(again.from_tag() == invite.from_tag());
    CHECK(again.top_via()->branch() != invite.top_via()->branch());
    const auto given = sip::parse_credentials(
        *again.header(status == 401 ? "Authorization" : "Proxy-Authorization"));
    REQUIRE(given.has_value());
    CHECK(given->response
          == sip::response_of(*given, sip::ha1_of(algorithm, "holdfast", "trunk", "secret"),
                              "INVITE", offer));
    CHECK(w.seen(alice_at) == strings{"100"}); // the caller hears nothing of it
    trunk.respond(again, 200, offer);
    alice.learn(alice.expect("200"));
    const auto ack = trunk.expect("ACK");
    CHECK(ack.has(status == 401 ? "Authorization" : "Proxy-Authorization")); // RFC 3261 22.1
    alice.ack();
    alice.send(alice.in_dialog("BYE"));
    const auto bye = trunk.expect("BYE");
    auto no = sip::make_response(bye, status);
    no.add(name, "Digest realm=\"trunk\", nonce=\"3\", algorithm=SHA-256, qop=\"auth\"");
    trunk.send(no);
    CHECK(trunk.expect("BYE").cseq()->number == bye.cseq()->number + 1);
  }
}

TEST_CASE("digest client: credentials that were refused are not sent again; a stale nonce is") {
  world w{b2bua_to("192.0.2.20:5060")};
  w.env->trunk_accounts = {
      {"holdfast", "trunk", algorithm, sip::ha1_of(algorithm, "holdfast", "trunk", "wrong")}};
  phone alice{w, alice_at, "alice"};
  phone trunk{w, bob_at, "trunk"};
  const auto refuse = [&](const sip::message& invite, const std::string& more) {
    auto refusal = trunk.response(invite, 407);
    refusal.add("Proxy-Authenticate",
                "Digest realm=\"trunk\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\"" + more);
    trunk.send(refusal);
  };
  alice.invite("sip:bob@example.com");
  refuse(trunk.expect("INVITE"), "");
  refuse(trunk.expect("INVITE"), ", stale=true");
  refuse(trunk.expect("INVITE"), "");
  CHECK(w.seen(bob_at) == strings{"ACK"});
  CHECK(w.seen(alice_at).back() == "407");
}

TEST_CASE("digest client: the caller's CANCEL takes back the request that was repeated") {
  world w{b2bua_to("192.0.2.20:5060")};
  w.env->trunk_accounts = {
      {"holdfast", "trunk", algorithm, sip::ha1_of(algorithm, "holdfast", "trunk", "secret")}};
  phone alice{w, alice_at, "alice"};
  phone trunk{w, bob_at, "trunk"};
  alice.invite("sip:bob@example.com");
  const auto invite = trunk.expect("INVITE");
  auto refusal = trunk.response(invite, 407);
  refusal.add("Proxy-Authenticate",
              "Digest realm=\"trunk\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\"");
  trunk.send(refusal);
  const auto again = trunk.expect("INVITE");
  trunk.respond(again, 180);
  alice.cancel();
  CHECK(trunk.expect("CANCEL").top_via()->branch() == again.top_via()->branch());
}

TEST_CASE("accounts: a line is user, realm, algorithm and hash; errors name the line, not the "
          "secret") {
  const std::string hash(64, 'a');
  const auto good =
      session::parse_accounts("# users\n\nalice:example.com:SHA-256:" + hash
                              + "\r\nbob:example.com:MD5:" + std::string(32, 'b') + "\n");
  REQUIRE(good.has_value());
  CHECK(good->size() == 2);
  for (const auto* bad : {"alice", "alice:r:SHA-256:short", "a:r::x", ":r:MD5:x"}) {
    const auto read = session::parse_accounts("\n" + std::string{bad});
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().what.starts_with("line 2: "));
  }
}
