// restore(snapshot(x)) == x, whatever has happened to x: random lives of a call through the b2bua,
// with the comparison after every step, of state and of behaviour.
#include "protocol/session/state.hpp"
#include "tests/protocol/session/stage.hpp"

#include <rapidcheck.h>

using namespace stage;

namespace {

// CSeq numbers go up by what a snapshot reserves: a restored session starts above them (design,
// "Commit before output"). All else is equal, byte for byte.
std::string comparable(const std::string& snapshot) {
  auto state = decode<session::stored_state>(snapshot);
  RC_ASSERT(state.has_value());
  for (auto& d : state->dialogs) {
    d.dialog.local_cseq = 0;
    d.dialog.cseq_ceiling = 0;
  }
  return encode(*state);
}

// What an effect is, without what is unique to each of two sessions.
std::string outline(const session::effect& e) {
  if (std::holds_alternative<session::commit>(e)) return "commit";
  if (std::holds_alternative<session::ended>(e)) return "ended";
  const auto* s = std::get_if<session::send>(&e);
  if (s == nullptr) return "question or answer";
  const auto m = sip::parse(s->bytes);
  RC_ASSERT(m.has_value());
  return (m->is_request() ? m->method : std::to_string(m->status)) + " to "
         + to_string(s->destination) + " in " + m->from_tag() + "/" + m->to_tag()
         + (s->dependent ? " dependent" : "") + " " + m->body;
}

std::vector<std::string> outlines(const std::vector<session::effect>& effects) {
  std::vector<std::string> list;
  for (const auto& e : effects) list.push_back(outline(e));
  return list;
}

// Two phones that do anything at any time, and remember what has come to them.
class life {
public:
  life()
      : w_{b2bua_to("192.0.2.20:5060")}, alice_{w_, alice_at, "alice"}, bob_{w_, bob_at, "bob"} {}

  void act(unsigned what) {
    switch (what) {
    case 0:
      return alice_.invite("sip:bob@example.com");
    case 1:
      return answer(to_bob_, bob_, 180);
    case 2:
      return answer(to_bob_, bob_, 200);
    case 3:
      return answer(to_alice_, alice_, 200);
    case 4:
      return answer(to_bob_, bob_, 486);
    case 5:
      if (alice_.dialog) alice_.ack();
      return;
    case 6:
      return request(alice_, "BYE");
    case 7:
      return request(bob_, "BYE");
    case 8:
      return request(alice_, "INFO");
    case 9:
      return request(bob_, "UPDATE");
    case 10:
      return request(alice_, "INVITE");
    case 11:
      if (invited_) alice_.cancel();
      return;
    case 12:
      return w_.wait(700ms);
    case 13:
      return w_.wait(20s);
    case 14:
      return w_.wait(70s);
    default:
      if (!last_.empty()) w_.deliver(last_from_, last_); // a copy
    }
  }

  void step(unsigned what) {
    if (what == 0 && invited_) return;
    if (what == 0) invited_ = true;
    act(what);
    hear();
    same_after_restoring();
  }

private:
  void hear() {
    for (auto& o : w_.taken(alice_at)) {
      if (o.message.is_request())
        to_alice_ = o.message;
      else if (!o.message.to_tag().empty() && o.message.status < 300 && o.message.status > 100
               && o.message.cseq()->method == "INVITE" && !alice_.dialog)
        alice_.learn(o.message);
    }
    for (auto& o : w_.taken(bob_at))
      if (o.message.is_request() && !o.message.is("ACK")) to_bob_ = o.message;
  }

  void answer(const std::optional<sip::message>& request, phone& p, int status) {
    if (!request) return;
    const auto m = p.response(*request, status, request->is("INVITE") ? offer : "");
    keep(&p == &bob_ ? bob_at : alice_at, m);
    if (&p == &bob_ && !bob_.dialog && request->is("INVITE") && status < 300) {
      auto made = sip::make_uas_dialog(*request, m);
      if (made) bob_.dialog = std::move(*made);
    }
    p.send(m);
  }

  void request(phone& p, const std::string& method) {
    if (!p.dialog) return;
    const auto m = p.in_dialog(method, method == "INVITE" ? offer : "");
    keep(&p == &bob_ ? bob_at : alice_at, m);
    p.send(m);
  }

  void keep(const endpoint& from, const sip::message& m) {
    last_from_ = from;
    last_ = sip::to_bytes(m);
  }

  void same_after_restoring() {
    const auto snapshot = w_.subject.snapshot(w_.now);
    auto restored = session::session::restore(w_.env, here, snapshot, 0ms, w_.now, 4711);
    RC_ASSERT(restored.has_value());
    RC_ASSERT(comparable(restored->snapshot(w_.now)) == comparable(snapshot));
    RC_ASSERT(restored->next_deadline() == w_.subject.next_deadline());
    RC_ASSERT(restored->keys() == w_.subject.keys());
    RC_ASSERT(restored->stable() == w_.subject.stable());
    if (const auto next = w_.subject.next_deadline()) {
      auto original = w_.subject;
      RC_ASSERT(outlines(restored->on(session::deadline{}, *next))
                == outlines(original.on(session::deadline{}, *next)));
    }
    if (last_.empty()) return;
    auto original = w_.subject;
    auto again = *session::session::restore(w_.env, here, snapshot, 0ms, w_.now, 4711);
    const session::received copy{.bytes = last_, .source = last_from_, .proxy = "proxy-1"};
    RC_ASSERT(outlines(again.on(copy, w_.now)) == outlines(original.on(copy, w_.now)));
  }

  world w_;
  phone alice_;
  phone bob_;
  bool invited_ = false;
  std::optional<sip::message> to_alice_;
  std::optional<sip::message> to_bob_;
  std::string last_;
  endpoint last_from_;
};

} // namespace

TEST_CASE(
    "snapshot: restore(snapshot(x)) is x after any sequence of events [house rules, The shape]") {
  const bool held = rc::check("random lives of a call", [] {
    const auto steps = *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0U, 16U));
    life l;
    l.step(0);
    for (const auto what : steps) l.step(what);
  });
  CHECK(held);
}

TEST_CASE("snapshot: a call that stands, without open transactions, takes less than 1.5 kB") {
  world w{b2bua_to("192.0.2.20:5060")};
  call c{w};
  w.wait(40s);
  CHECK(w.subject.open_transactions() == 0);
  CHECK(w.subject.stable());
  const auto size = w.subject.snapshot(w.now).size();
  MESSAGE("a call without open transactions takes ", size, " bytes");
  CHECK(size < 1500);
}
