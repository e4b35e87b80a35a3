// A stage for one session under test: virtual time, the shell's part (commits are kept, a crash
// restores the last one), and phones that speak SIP text to it from both sides.
#pragma once

#include "protocol/session/environment.hpp"
#include "protocol/session/question.hpp"
#include "protocol/session/session.hpp"
#include "protocol/sip/dialog.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stage {

using namespace holdfast;
namespace session = holdfast::session;

inline const endpoint alice_at{"192.0.2.10", 5060};
inline const endpoint bob_at{"192.0.2.20", 5060};
inline const endpoint carol_at{"192.0.2.30", 5060};
inline const endpoint cluster_at{"192.0.2.1", 5060};
inline const session_address here{shard_id{7}, session_id{0xfeedbeefcafe}};
inline const std::string offer =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\n"
    "t=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\n";

inline std::shared_ptr<session::environment>
environment_with(std::vector<session::application_rule> rules = session::default_rules()) {
  return std::make_shared<session::environment>(
      session::environment{.tokens = cluster::token_ring::from_cluster_key("a cluster key"),
                           .advertised = cluster_at,
                           .timers = {},
                           .rules = std::move(rules)});
}

inline std::vector<session::application_rule> b2bua_to(const std::string& target) {
  return {{.application = "b2bua",
           .methods = {},
           .domains = {},
           .users = {},
           .settings = {{"target", target}}}};
}

inline std::string question_to_application(std::string bytes) {
  return encode(session::question{session::question::subject::application, std::move(bytes), {}});
}

struct output {
  flow to;
  sip::message message;
  bool dependent = false;
  instant at;
};

class world {
public:
  explicit world(std::vector<session::application_rule> rules = session::default_rules())
      : env{environment_with(std::move(rules))},
        subject{env, here, 1},
        held{subject.snapshot(now)} {}

  void deliver(const flow& from, const std::string& bytes) {
    const session::received message{.bytes = bytes, .source = from, .proxy = "proxy-1"};
    if (++deliveries != dies_at_)
      run(message);
    else
      die_with(message);
  }

  // The node dies with the `number`th message that comes: when its commit is held, or before that,
  // in which case the proxy that holds the message brings it to the successor. 0: it lives on.
  void dies_at(unsigned number, bool held_by_then) {
    dies_at_ = number;
    held_by_then_ = held_by_then;
  }

  void run(const session::event& what) {
    effects = subject.on(what, now);
    keep();
  }

  // Lets time pass; deadlines fire when they are due.
  void wait(duration time) {
    const auto until = now + time;
    while (const auto next = subject.next_deadline()) {
      if (*next > until) break;
      now = std::max(now, *next);
      run(session::deadline{});
    }
    now = until;
  }

  // The node dies, and `later` another one restores what was committed last.
  void crash(duration later = 0ms, unsigned restarts = 0) {
    now += later;
    const auto age = now - held_since;
    auto restored = session::session::restore(env, here, held, age, now, seed += 1000, restarts);
    REQUIRE(restored.has_value());
    subject = std::move(*restored);
  }

  // What has gone to `to` since the last look.
  std::vector<output> taken(const endpoint& to) {
    std::vector<output> mine;
    std::copy_if(sent.begin(), sent.end(), std::back_inserter(mine),
                 [&](const output& o) { return o.to == to; });
    std::erase_if(sent, [&](const output& o) { return o.to == to; });
    return mine;
  }

  // "INVITE", "180", ... what has gone to `to` since the last look, in short.
  std::vector<std::string> seen(const endpoint& to) {
    std::vector<std::string> list;
    for (const auto& o : taken(to))
      list.push_back(o.message.is_request() ? o.message.method : std::to_string(o.message.status));
    return list;
  }

  std::optional<session::ask> question() const {
    for (const auto& e : effects)
      if (const auto* a = std::get_if<session::ask>(&e)) return *a;
    return std::nullopt;
  }

  std::shared_ptr<session::environment> env;
  instant now{1h};
  session::session subject;
  std::vector<session::effect> effects; // of the last step
  std::vector<output> sent;             // not yet taken
  std::size_t commits = 0;
  unsigned deliveries = 0;
  bool ended = false;
  std::string held; // what replicas hold
  instant held_since{1h};

private:
  void die_with(const session::received& message) {
    const auto seen_before = static_cast<std::ptrdiff_t>(sent.size());
    const auto held_before = held;
    const auto since_before = held_since;
    run(message);
    if (!held_by_then_) { // what waits for the commit never leaves
      sent.erase(std::remove_if(sent.begin() + seen_before, sent.end(),
                                [](const output& o) { return o.dependent; }),
                 sent.end());
      held = held_before;
      held_since = since_before;
    }
    crash(20ms);
    run(session::resumed{});
    if (!held_by_then_) run(message);
  }

  void keep() {
    bool committed = false;
    for (const auto& e : effects) {
      if (std::holds_alternative<session::commit>(e)) {
        CHECK_FALSE(committed); // at most one per step
        committed = true;
      }
      if (std::holds_alternative<session::ended>(e)) ended = true;
    }
    for (const auto& e : effects) {
      const auto* s = std::get_if<session::send>(&e);
      if (s == nullptr) continue;
      auto parsed = sip::parse(s->bytes);
      REQUIRE(parsed.has_value());
      if (s->dependent) CHECK(committed); // it has something to wait for
      sent.push_back({s->destination, std::move(*parsed), s->dependent, now});
    }
    if (!committed) return;
    ++commits;
    held = subject.snapshot(now);
    held_since = now;
  }

  std::uint64_t seed = 1;
  unsigned dies_at_ = 0;
  bool held_by_then_ = true;
};

// A user agent without timers: it says what the test tells it to, and keeps one dialog.
class phone {
public:
  phone(world& w, flow at, std::string user) : w_{w}, at_{std::move(at)}, user_{std::move(user)} {}

  sip::message request(const std::string& method, const std::string& uri,
                       const std::string& body = "") {
    sip::message m;
    m.method = method;
    m.request_uri = uri;
    m.add("Via", sent_by() + ";branch=" + branch());
    m.add("Max-Forwards", "70");
    m.add("From", "<sip:" + user_ + "@example.com>;tag=" + user_ + "-tag");
    m.add("To", "<" + uri + ">");
    m.add("Call-ID", call_id);
    m.add("CSeq", std::to_string(++cseq_) + " " + method);
    m.add("Contact", contact());
    m.body = body;
    if (!body.empty()) m.add("Content-Type", "application/sdp");
    return m;
  }

  void send(const sip::message& m) { w_.deliver(at_, sip::to_bytes(m)); }

  void invite(const std::string& uri, const std::string& body = offer) {
    invite_ = request("INVITE", uri, body);
    send(invite_);
  }

  void cancel() {
    auto m = invite_;
    m.method = "CANCEL";
    m.set("CSeq", std::to_string(cseq_) + " CANCEL");
    m.body.clear();
    m.remove("Content-Type");
    send(m);
  }

  // The ACK to a failure of invite().
  void ack_failure(const sip::message& response) {
    auto m = invite_;
    m.method = "ACK";
    m.set("To", std::string{*response.header("To")});
    m.set("CSeq", std::to_string(cseq_) + " ACK");
    m.body.clear();
    send(m);
  }

  // The dialog that the response to invite() makes, or takes further.
  void learn(const sip::message& response) {
    if (!dialog) {
      auto made = sip::make_uac_dialog(invite_, response);
      REQUIRE(made.has_value());
      dialog = std::move(*made);
    } else {
      dialog->on_response(response);
    }
  }

  void ack(const std::string& body = "") {
    auto m = dialog->make_ack(dialog->local_cseq);
    m.prepend("Via", sent_by() + ";branch=" + branch());
    m.add("Max-Forwards", "70");
    m.body = body;
    if (!body.empty()) m.add("Content-Type", "application/sdp");
    send(m);
  }

  sip::message in_dialog(const std::string& method, const std::string& body = "") {
    REQUIRE(dialog.has_value());
    auto m = dialog->make_request(method);
    m.prepend("Via", sent_by() + ";branch=" + branch());
    m.add("Max-Forwards", "70");
    if (method == "INVITE") m.add("Contact", contact());
    m.body = body;
    return m;
  }

  sip::message response(const sip::message& to, int status, const std::string& body = "") {
    auto m = sip::make_response(to, status, "", user_ + "-tag");
    m.add("Contact", contact());
    m.body = body;
    if (!body.empty()) m.add("Content-Type", "application/sdp");
    return m;
  }

  void respond(const sip::message& to, int status, const std::string& body = "") {
    const auto m = response(to, status, body);
    if (to.is("INVITE") && to.to_tag().empty() && status > 100 && status < 300 && !dialog) {
      auto made = sip::make_uas_dialog(to, m);
      REQUIRE(made.has_value());
      dialog = std::move(*made);
    }
    if (dialog && status < 300 && status >= 200 && to.is("INVITE")) dialog->confirm();
    send(m);
  }

  [[nodiscard]] std::string contact() const {
    return "<" + sip::uri_over(user_, at_, at_.over, false) + ">";
  }

  // The latest message of that kind that has come since the last look at this address.
  sip::message expect(const std::string& what) {
    std::optional<sip::message> found;
    std::string others;
    for (const auto& o : w_.taken(at_)) {
      const auto kind =
          o.message.is_request() ? o.message.method : std::to_string(o.message.status);
      if (kind == what)
        found = o.message;
      else
        others += kind + " ";
    }
    INFO("expected ", what, ", came: ", others);
    REQUIRE(found.has_value());
    return *found;
  }

  std::optional<sip::dialog> dialog;
  std::string call_id = "call-1";

private:
  std::string sent_by() const {
    return "SIP/2.0/" + std::string{to_string(at_.over)} + " "
           + to_string(static_cast<const endpoint&>(at_));
  }
  std::string branch() { return "z9hG4bK-" + user_ + "-" + std::to_string(++branches_); }

  world& w_;
  flow at_;
  std::string user_;
  sip::message invite_;
  unsigned cseq_ = 0;
  unsigned branches_ = 0;
};

// A call through the b2bua that stands: INVITE, 180, 200, ACK.
struct call {
  explicit call(world& w) : alice{w, alice_at, "alice"}, bob{w, bob_at, "bob"} {
    alice.invite("sip:bob@example.com");
    const auto invite = bob.expect("INVITE");
    bob.respond(invite, 180);
    alice.learn(alice.expect("180"));
    bob.respond(invite, 200, offer);
    alice.learn(alice.expect("200"));
    bob.expect("ACK");
    alice.ack();
    w.sent.clear();
  }

  phone alice;
  phone bob;
};

using strings = std::vector<std::string>;

} // namespace stage
