#include "runtime/exercise/report.hpp"
#include "runtime/exercise/run.hpp"
#include "world.hpp"

#include <doctest/doctest.h>

namespace holdfast::exercise::test {

namespace {

verdict outcome(world& w) {
  w.go();
  CHECK(w.exercise.obstacle() == "");
  return decide(w.exercise.seen());
}

bool has_rule(const verdict& v, std::string_view rule) {
  return std::any_of(v.violations.begin(), v.violations.end(),
                     [&](const violation& x) { return x.rule == rule; });
}

void check_clean(const verdict& v, const world& w) {
  CHECK_MESSAGE(v.clean(), table(v, w.exercise.seen()));
}

plan with_fault() {
  auto p = plan_through_element();
  p.fault = true;
  p.extra_calls = 4;
  return p;
}

} // namespace

TEST_CASE("run: registered callees are called through an element, and nothing is violated") {
  for (const auto probe : {probe_kind::info, probe_kind::reinvite, probe_kind::options,
                           probe_kind::update, probe_kind::mix}) {
    CAPTURE(static_cast<int>(probe));
    auto p = plan_through_element();
    p.probe = probe;
    world w{p};
    const auto v = outcome(w);
    check_clean(v, w);
    CHECK(v.first.established == 8);
    CHECK(v.first.repeats.requests == 0);
  }
}

TEST_CASE("run: callers call callees with nothing in between") {
  auto p = plan_through_element();
  p.registers = false;
  p.target = callees_at;
  world w{p};
  const auto v = outcome(w);
  check_clean(v, w);
  CHECK(v.first.established == 8);
}

TEST_CASE("run: a fault that harms nobody") {
  world w{with_fault()};
  const auto v = outcome(w);
  check_clean(v, w);
  CHECK(v.stable_at_fault == 8);
  CHECK(v.first.gap.count == 8);
  CHECK(v.extra.established == 4);
}

TEST_CASE("run: a silence of two seconds shows as a gap and is no loss") {
  world w{with_fault()};
  w.tamper = [&](sip::message&, const endpoint&, const endpoint&) {
    const auto fault = w.exercise.seen().fault_at;
    return !fault || w.now - *fault > 2s;
  };
  const auto v = outcome(w);
  check_clean(v, w);
  CHECK(v.first.gap.max > 1400); // of a call whose probe was early in the window
  CHECK(v.first.gap.max < 4100);
  CHECK(v.first.repeats.requests > 0);
  CHECK(v.first.repeats.requests_before_fault == 0);
}

TEST_CASE("run: a 481 after the fault is a lost call") {
  world w{with_fault()};
  w.tamper = [](sip::message& m, const endpoint&, const endpoint& to) {
    if (m.is_response() && m.cseq()->method == "INFO" && to == callers_at) m.status = 481;
    return true;
  };
  const auto v = outcome(w);
  CHECK_FALSE(v.clean());
  CHECK(v.lost.size() == 4); // half of the calls are probed by the caller
}

TEST_CASE("run: silence for good is reported, and the run ends") {
  world w{with_fault()};
  w.tamper = [&](sip::message&, const endpoint&, const endpoint&) {
    return !w.exercise.seen().fault_at;
  };
  const auto v = outcome(w);
  CHECK(v.lost.size() == 8);
  CHECK(has_rule(v, "answered"));
}

TEST_CASE("run: callers that cancel while it rings [RFC 3261 9]") {
  auto p = plan_through_element();
  p.cancel_every = 2;
  p.ring = 200ms;
  SUBCASE("are answered 487") {
    world w{p};
    const auto v = outcome(w);
    check_clean(v, w);
    CHECK(v.first.established == 4);
    CHECK(v.first.cancelled == 4);
    CHECK(v.first.ser == 100);
  }
  SUBCASE("hang up when the answer crosses their CANCEL") {
    world w{p};
    w.tamper = [&](sip::message& m, const endpoint&, const endpoint& to) {
      if (m.is("CANCEL") && to == callees_at) w.delay = 150ms;
      return true;
    };
    const auto v = outcome(w);
    check_clean(v, w);
    CHECK(v.first.cancelled < 4);
  }
  SUBCASE("are owed an answer") {
    world w{p};
    w.tamper = [](sip::message& m, const endpoint&, const endpoint&) { return !m.is("CANCEL"); };
    CHECK(has_rule(outcome(w), "answered"));
  }
}

TEST_CASE("run: a 487 that nobody has asked for is a failure") {
  auto p = plan_through_element();
  p.ring = 200ms;
  world w{p};
  w.tamper = [](sip::message& m, const endpoint&, const endpoint& to) {
    if (m.is_response() && m.status == 200 && m.cseq()->method == "INVITE" && to == callers_at)
      m.status = 487;
    return true;
  };
  CHECK(has_rule(outcome(w), "successful"));
}

TEST_CASE("run: a fault at a time of its own changes nothing of what calls do") {
  auto p = with_fault();
  p.extra_calls = 0;
  p.fault_after = 100ms;
  p.ring = 200ms;
  world w{p};
  const auto v = outcome(w);
  check_clean(v, w);
  CHECK(v.faulted);
  CHECK(v.stable_at_fault == 0);
  CHECK(v.first.established == 8);
}

TEST_CASE("run: a call that is being ended when the fault comes is not stable any more") {
  auto p = with_fault();
  p.extra_calls = 0;
  p.calls = 1;
  p.fault_after = 2130ms; // 110 ms until its ACK, 2 s in the call, 40 ms for its BYE
  world w{p};
  w.delay = 10ms;
  const auto v = outcome(w);
  check_clean(v, w);
  CHECK(v.stable_at_fault == 0);
}

TEST_CASE("run: an element that sends an INFO twice is found out") {
  world w{plan_through_element()};
  int doubled = 0;
  w.tamper = [&](sip::message& m, const endpoint& from, const endpoint& to) {
    if (m.is("INFO") && from == callers_at && doubled++ == 0) {
      auto again = m;
      auto top = *again.top_via();
      sip::set_param(top.params, "branch", "z9hG4bKsecond");
      again.replace_first("Via", sip::to_string(top));
      again.set("CSeq", std::to_string(m.cseq()->number + 100) + " INFO");
      const auto keep = std::exchange(w.tamper, nullptr);
      w.carry(from, to, sip::to_bytes(again));
      w.tamper = keep;
    }
    return true;
  };
  const auto v = outcome(w);
  CHECK(has_rule(v, "arrives-once"));
}

TEST_CASE("run: an ACK that is lost once is asked for again [RFC 3261 13.3.1.4]") {
  world w{plan_through_element()};
  int lost_acks = 0;
  w.tamper = [&](sip::message& m, const endpoint&, const endpoint&) {
    return !(m.is("ACK") && lost_acks++ < 3);
  };
  const auto v = outcome(w);
  check_clean(v, w);
  CHECK(v.first.repeats.successes == 3);
}

TEST_CASE("run: without any answer it says so instead of judging") {
  world w{plan_through_element()};
  w.tamper = [](sip::message&, const endpoint&, const endpoint&) { return false; };
  w.go();
  CHECK(w.exercise.obstacle() == "nothing answers at 192.0.2.9:5060");
}

TEST_CASE("run: a registration that is refused is an obstacle") {
  world w{plan_through_element()};
  w.tamper = [](sip::message& m, const endpoint&, const endpoint&) {
    if (m.is_response()) m.status = 403;
    return true;
  };
  w.go();
  CHECK(w.exercise.obstacle().find("403") != std::string::npos);
}

TEST_CASE("run: registrations are refreshed at half their time and removed at the end") {
  auto p = plan_through_element();
  p.calls = 2;
  p.hold = 25s;
  p.expires_s = 20;
  world w{p};
  std::map<std::string, int> expires;
  w.tamper = [&](sip::message& m, const endpoint&, const endpoint&) {
    if (m.is("REGISTER")) ++expires[std::string{*m.header("Expires")}];
    return true;
  };
  check_clean(outcome(w), w);
  CHECK(expires["20"] == 6); // two callees: at 0, 10 and 20 s
  CHECK(expires["0"] == 2);
}

TEST_CASE("run: a header for every second call, where it is wanted") {
  auto p = plan_through_element();
  p.header = sip::header_field{"X-Drill", "throw-until:1"};
  p.header_every = 2;
  p.header_on = header_place::in_dialog;
  world w{p};
  int invites = 0;
  int infos = 0;
  w.tamper = [&](sip::message& m, const endpoint&, const endpoint&) {
    if (m.has("X-Drill")) ++(m.is("INVITE") ? invites : infos);
    return true;
  };
  check_clean(outcome(w), w);
  CHECK(invites == 0);
  CHECK(infos > 0);
}

TEST_CASE("report: the verdict names what was wrong and shows the ladder") {
  world w{with_fault()};
  w.tamper = [](sip::message& m, const endpoint&, const endpoint& to) {
    if (m.is_response() && m.cseq()->method == "BYE" && to == callers_at) m.status = 481;
    return true;
  };
  const auto v = outcome(w);
  const auto text = table(v, w.exercise.seen());
  CHECK(text.find("successful [RFC 3261 12.2.1, 13.2.2, 15.1]") != std::string::npos);
  CHECK(text.find("caller <- 481 (BYE)") != std::string::npos);
  CHECK(text.find("verdict: 4 lost") != std::string::npos);
  const auto data = json(v, 1700000000000, 0);
  CHECK(data.find("\"lost\": 4,") != std::string::npos);
  CHECK(data.find("\"fault_time\": 1700000000000,") != std::string::npos);
  CHECK(data.find("\"clean\": false") != std::string::npos);
}

} // namespace holdfast::exercise::test
