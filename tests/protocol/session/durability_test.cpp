// The durability classes (design, "Commit before output", "What survives means"): the node of a
// call dies at any step of it, and what its class promises goes on.
#include "tests/protocol/session/stage.hpp"

#include <algorithm>

using namespace stage;
using applications::durability;

namespace {

std::vector<session::application_rule> b2bua_kept(durability as) {
  auto rules = b2bua_to("192.0.2.20:5060");
  rules.front().kept = as;
  return rules;
}

struct kept_world : world {
  explicit kept_world(durability as) : world{b2bua_kept(as)} {}
};

// One call with its two phones.
struct parties {
  explicit parties(world& w) : alice{w, alice_at, "alice"}, bob{w, bob_at, "bob"} {}
  phone alice;
  phone bob;
};

void place(parties& p) {
  p.alice.invite("sip:bob@example.com");
  const auto invite = p.bob.expect("INVITE");
  p.bob.respond(invite, 180);
  p.alice.learn(p.alice.expect("180"));
  p.bob.respond(invite, 200, offer);
  p.alice.learn(p.alice.expect("200"));
  CHECK(p.bob.dialog->matches_request(p.bob.expect("ACK")));
  p.alice.ack();
}

void hang_up(parties& p) {
  p.alice.send(p.alice.in_dialog("BYE"));
  p.alice.expect("200");
  p.bob.respond(p.bob.expect("BYE"), 200);
}

void complete(parties& p) {
  place(p);
  hang_up(p);
}

void give_up(parties& p) {
  p.alice.invite("sip:bob@example.com");
  const auto invite = p.bob.expect("INVITE");
  p.bob.respond(invite, 180);
  p.alice.expect("180");
  p.alice.cancel();
  const auto failure = p.alice.expect("487");
  p.bob.respond(p.bob.expect("CANCEL"), 200);
  p.bob.respond(invite, 487);
  CHECK(p.bob.expect("ACK").top_via()->branch() == invite.top_via()->branch());
  p.alice.ack_failure(failure);
}

void be_refused(parties& p) {
  p.alice.invite("sip:bob@example.com");
  const auto invite = p.bob.expect("INVITE");
  p.bob.respond(invite, 486);
  p.bob.expect("ACK");
  p.alice.ack_failure(p.alice.expect("486"));
}

void renegotiate(parties& p) {
  place(p);
  p.alice.send(p.alice.in_dialog("INVITE", offer));
  p.bob.respond(p.bob.expect("INVITE"), 200, offer);
  p.alice.expect("200");
  p.bob.expect("ACK");
  p.alice.ack();
  p.bob.send(p.bob.in_dialog("BYE"));
  p.bob.expect("200");
  p.alice.respond(p.alice.expect("BYE"), 200);
}

// Knows better than its rule what a call is worth.
struct careful final : applications::basic_application<careful> {
  std::uint32_t calls = 0;
  void on_request(applications::context& session,
                  const applications::incoming_request& request) override {
    ++calls;
    session.keep(durability::early);
    session.respond(request.id, 180);
  }
};
template <class F>
void describe(F& f, careful& x) {
  f(1, x.calls);
}

} // namespace

TEST_CASE("transaction: whichever message its node dies at, a call goes on as if nothing were") {
  const struct {
    const char* what;
    void (*script)(parties&);
  } rows[] = {{"INVITE, 180, 200, ACK, BYE", complete},
              {"INVITE, 180, CANCEL, 487", give_up},
              {"INVITE, 486", be_refused},
              {"re-INVITE, BYE of the callee", renegotiate}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    unsigned messages = 0;
    for (const bool held : {true, false}) {
      CAPTURE(held);
      for (unsigned at = 0; at <= messages; ++at) { // at 0 nobody dies: how many are there?
        CAPTURE(at);
        kept_world w{durability::transaction};
        w.dies_at(at, held);
        parties p{w};
        row.script(p);
        messages = std::max(messages, w.deliveries);
        w.wait(100s); // whatever is repeated, it is over
        CHECK(w.ended);
      }
    }
    CHECK(messages >= 3); // INVITE, 486 and ACK are the fewest
  }
}

TEST_CASE("transaction: nothing at all leaves a step that moves on before its commit [design, 4]") {
  kept_world w{durability::transaction};
  parties p{w};
  p.alice.invite("sip:bob@example.com");
  CHECK(w.commits == 1);
  CHECK(w.sent.size() == 2); // 100 and INVITE
  for (const auto& o : w.sent) CHECK(o.dependent);
  std::size_t perishable = 0;
  for (const auto& e : w.effects)
    if (const auto* s = std::get_if<session::send>(&e); s != nullptr && s->perishable) {
      ++perishable;
      CHECK(s->bytes.starts_with("SIP/2.0 100"));
    }
  CHECK(perishable == 1); // held too late, it helps nobody
  const auto invite = p.bob.expect("INVITE");
  p.bob.respond(invite, 180);
  CHECK(w.commits == 2);
  w.wait(600ms);
  p.bob.respond(invite, 180);
  const auto before = w.commits;
  w.sent.clear();
  w.wait(100ms);
  CHECK(w.commits == before); // time alone changes nothing worth keeping
}

TEST_CASE("early: a call that rings is kept, the INVITE before it is not [design, 4]") {
  kept_world w{durability::early};
  parties p{w};
  p.alice.invite("sip:bob@example.com");
  CHECK(w.commits == 0);
  const auto invite = p.bob.expect("INVITE");
  p.bob.respond(invite, 180);
  CHECK(w.commits == 1);
  for (const auto& o : w.taken(alice_at))
    if (o.message.status == 180) CHECK(o.dependent);
  w.crash(2s);
  w.run(session::resumed{});
  p.bob.respond(invite, 200, offer);
  p.alice.learn(p.alice.expect("200"));
  p.bob.expect("ACK");
  p.alice.ack();
  hang_up(p);
}

TEST_CASE("stable: a call that rings is not kept; its callee is not left alone [design, 7]") {
  kept_world w{durability::stable};
  parties p{w};
  p.alice.invite("sip:bob@example.com");
  const auto invite = p.bob.expect("INVITE");
  p.bob.respond(invite, 180);
  CHECK(w.commits == 0);
  w.crash(2s);
  p.bob.respond(invite, 200, offer);
  CHECK(w.seen(bob_at) == strings{"ACK", "BYE"});
}

TEST_CASE("transaction: what was asked of another session is asked again by the successor") {
  auto rules = session::default_rules();
  for (auto& rule : rules) rule.kept = durability::transaction;
  world w{rules};
  phone alice{w, alice_at, "alice"};
  phone bob{w, bob_at, "bob"};
  alice.invite("sip:bob@example.com");
  const auto asked = w.question();
  REQUIRE(asked.has_value());
  w.crash(200ms);
  w.run(session::resumed{});
  const auto again = w.question();
  REQUIRE(again.has_value());
  CHECK(again->id == asked->id);
  CHECK(again->key == asked->key);
  CHECK(again->bytes == asked->bytes);
  w.run(session::answered{
      .id = again->id, .what = session::answered::outcome::no_such_session, .bytes = {}});
  CHECK(w.seen(alice_at).back() == "404");
  w.run(session::resumed{});
  CHECK_FALSE(w.question().has_value()); // it has its answer
}

TEST_CASE("durability: the application's word stands in place of its rule's") {
  world w{{{.application = "careful", .methods = {}, .domains = {}, .users = {}, .settings = {}}}};
  w.env->applications["careful"] =
      applications::type_of<careful>([](const auto&) { return result<void>{}; });
  phone alice{w, alice_at, "alice"};
  alice.invite("sip:bob@example.com");
  CHECK(w.commits == 1); // the 180 of a stable rule would need none
  w.crash(1s);
  alice.cancel();
  CHECK(w.seen(alice_at).back() == "487");
}
