// The oracle judges histories that are made up here: each rule finds what it is there for, and lets
// pass what is allowed.
#include "protocol/sip/message.hpp"
#include "simulations/oracle/invariants.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace holdfast;
using namespace holdfast::simulations;

namespace {

instant at(duration since_formed) {
  return instant{1h} + since_formed;
}

sip::message request(const std::string& method, const std::string& branch, unsigned cseq,
                     const std::string& to_tag = "ours") {
  sip::message m;
  m.method = method;
  m.request_uri = "sip:alice-1@198.51.100.1";
  m.add("Via", "SIP/2.0/UDP 192.0.2.1;branch=" + branch);
  m.add("From", "<sip:answer@example.com>;tag=theirs");
  m.add("To", "<sip:alice-1@example.com>" + (to_tag.empty() ? "" : ";tag=" + to_tag));
  m.add("Call-ID", "call-1");
  m.add("CSeq", std::to_string(cseq) + " " + method);
  return m;
}

// One call of alice-1 to the answering machine that stands from 1 s on, in a run without faults.
struct made_up : evidence {
  made_up() {
    call_plan call;
    call.number = 1;
    call.at = 500ms;
    call.callee = "answer";
    plan.calls.push_back(call);
    formed = at(0s);
    faults_end = at(8s);
    ready_again = true;
    healed = at(10s);
    hung_up = at(20s);
    end = at(60s);
    call_end caller;
    caller.number = 1;
    caller.agent = "alice-1";
    caller.state = call_end::phase::standing;
    caller.call_id = "call-1";
    caller.local_tag = "ours";
    caller.remote_tag = "theirs";
    caller.invite_cseq = 1;
    caller.status = 200;
    caller.began = at(500ms);
    caller.answered_at = caller.stood_at = at(1s);
    ends.push_back(caller);
    ends_before = ends;
  }

  void seen(duration when, passage how, sip::message m, const std::string& bytes = "") {
    log.push_back({at(when), how, "alice-1", std::make_shared<const sip::message>(std::move(m)),
                   std::hash<std::string>{}(bytes)});
  }
  // A request of alice and the final response to it.
  void asked(duration when, const std::string& method, unsigned cseq, int status,
             bool retry_after = false) {
    const auto ask = request(method, "z9hG4bK" + std::to_string(cseq), cseq);
    auto answer = sip::make_response(ask, status);
    if (retry_after) answer.add("Retry-After", "2");
    seen(when, passage::sent, ask);
    seen(when + 10ms, passage::left, answer);
    seen(when + 10ms, passage::received, answer);
  }

  // How often a rule was broken. What is made up here breaks others as well.
  std::size_t broken(const std::string& rule) {
    const auto all = judged();
    std::size_t count = 0;
    for (auto at = all.find(rule + " "); at != std::string::npos; at = all.find(rule + " ", at + 1))
      ++count;
    return count;
  }
  std::string judged() {
    index();
    std::string all;
    for (const auto& v : judge(*this)) all += v.invariant + " ";
    return all;
  }
};

} // namespace

TEST_CASE("oracle: I24 a subscription is renewed, told anew, and in order [RFC 6665 4.1.2.2, RFC 3680 5.1]") {
  made_up e;
  e.shard_of_user["bob-1"] = shard_id{1};
  subscription s;
  s.agent = "watcher-of-bob-1";
  s.user = "bob-1";
  s.wishes = {{at(100ms), "a", 200}, {at(11s), "b", 200}};
  s.told = {{at(101ms), 1, 0, true}, {at(11100ms), 2, 1, true}};
  const auto judged = [&](const subscription& seen) {
    auto of = e;
    of.subscriptions = {seen};
    findings out;
    subscriptions_survive(of, out);
    return out.size();
  };
  CHECK(judged(s) == 0);
  auto late = s; // the network changed their order
  std::swap(late.told[0], late.told[1]);
  CHECK(judged(late) == 0);
  auto again = s;
  again.told[1].version = 0;
  CHECK(judged(again) == 1);
  auto refused = s;
  refused.wishes[1].status = 481;
  CHECK(judged(refused) == 1);
  auto untold = s;
  untold.told[1].at = at(14s);
  CHECK(judged(untold) == 1);
  auto during_faults = refused;
  during_faults.wishes[1].at = at(5s);
  CHECK(judged(during_faults) == 0);
}

TEST_CASE("oracle: a call without events of note is fine") {
  made_up e;
  e.asked(3s, "INFO", 2, 200);
  CHECK(e.judged() == "");
}

TEST_CASE("I1: a dialog with a copy is never answered 481, one whose copies are dead may be") {
  made_up e;
  e.asked(3s, "INFO", 2, 481);
  CHECK(e.broken("I1") >= 1);
  e.shard_of_call["call-1"] = shard_id{3};
  e.takeovers.push_back({at(2s), shard_id{3}, epoch{2}, cluster::fence::none, true, false});
  CHECK(e.broken("I1") == 0);
}

TEST_CASE("I1: 500 with Retry-After is honest while something is wrong, not when all is well") {
  made_up e;
  e.asked(3s, "INFO", 2, 500, true);
  CHECK(e.broken("I1") == 0);
  e.asked(12s, "INFO", 3, 500, true);
  CHECK(e.broken("I1") >= 1);
}

TEST_CASE("I2: two owners of one epoch, and a shard emptied in spite of a copy") {
  made_up e;
  e.double_outputs.push_back({at(2s), shard_id{1}, epoch{2}, "two spoke"});
  e.takeovers.push_back({at(3s), shard_id{1}, epoch{3}, cluster::fence::none, true, true});
  CHECK(e.broken("I2") >= 2);
}

TEST_CASE("I3: two containers that are given messages of one shard in one epoch") {
  made_up e;
  e.double_deliveries.push_back({at(2s), shard_id{1}, epoch{2}, "two served"});
  CHECK(e.broken("I3") >= 1);
}

TEST_CASE("I4: a second final response of other words [RFC 3261 17.2.2]") {
  made_up e;
  e.asked(3s, "INFO", 2, 200);
  auto other = sip::make_response(request("INFO", "z9hG4bK2", 2), 200);
  other.add("X-More", "words");
  e.seen(4s, passage::received, other, "other bytes");
  CHECK(e.broken("I4") >= 1);
}

TEST_CASE("I7: nothing new in a dialog that a BYE has ended [RFC 3261 15.1]") {
  made_up e;
  e.ends[0].state = call_end::phase::ended;
  e.ends[0].bye_received_at = at(12s);
  e.seen(12s, passage::left, request("BYE", "z9hG4bKb", 5));
  CHECK(e.broken("I7") == 0);
  e.seen(19s, passage::left, request("INFO", "z9hG4bKc", 6));
  CHECK(e.broken("I7") >= 1);
}

TEST_CASE("I8: a CSeq is used once, and they go up [RFC 3261 12.2.1.1]") {
  made_up e;
  e.plan.calls[0].throws = true; // so that only I8 minds
  e.seen(2s, passage::left, request("INFO", "z9hG4bKa", 7));
  e.seen(3s, passage::left, request("INFO", "z9hG4bKa", 7)); // a copy
  CHECK(e.broken("I8") == 0);
  e.seen(4s, passage::left, request("INFO", "z9hG4bKb", 7));
  CHECK(e.broken("I8") >= 1);
  e.seen(5s, passage::left, request("INFO", "z9hG4bKc", 6));
  CHECK(e.broken("I8") >= 2);
}

TEST_CASE("I9: tags and target of a dialog stay [RFC 3261 12.1]") {
  made_up e;
  auto swapped = request("INFO", "z9hG4bKa", 7);
  swapped.set("From", "<sip:answer@example.com>;tag=another");
  e.seen(2s, passage::left, swapped);
  e.seen(2s, passage::received, swapped);
  CHECK(e.broken("I9") >= 1);
}

TEST_CASE("I10: a timer fires once") {
  made_up e;
  e.plan.calls[0].callee = "alarm";
  e.seen(4s, passage::left, request("INFO", "z9hG4bKa", 7));
  CHECK(e.broken("I10") == 0);
  e.seen(5s, passage::left, request("INFO", "z9hG4bKb", 8));
  CHECK(e.broken("I10") >= 1);
}

TEST_CASE("I11: a session that nobody refreshed [RFC 4028 7.4]") {
  made_up e;
  e.plan.calls[0].session_s = 90;
  e.end = at(200s);
  CHECK(e.broken("I11") >= 1);
  e.seen(46s, passage::left, request("UPDATE", "z9hG4bKa", 7));
  CHECK(e.broken("I11") == 0);
}

TEST_CASE("I13: who is registered can be called, who was may not ring") {
  made_up e;
  e.plan.calls[0].callee = "bob-1";
  e.ends[0].began = at(12s);
  e.ends[0].status = 480;
  e.ends[0].stood_at.reset();
  e.ends[0].answered_at.reset();
  e.ends[0].state = call_end::phase::ended;
  e.ends_before.clear();
  e.registered["bob-1"] = 600;
  e.registered_at["bob-1"] = at(0s);
  e.shard_of_user["bob-1"] = shard_id{1};
  CHECK(e.broken("I13") >= 1);
  e.registered["bob-1"] = 5; // it has expired
  CHECK(e.broken("I13") == 0);
  auto callee = e.ends[0];
  callee.at = side::callee;
  callee.agent = "bob-1";
  e.ends.push_back(callee);
  CHECK(e.broken("I13") >= 1);
}

TEST_CASE("I14: a stranger is told nothing") {
  made_up e;
  e.told_to_strangers.emplace_back(at(2s), "BYE");
  CHECK(e.broken("I14") >= 1);
}

TEST_CASE("I15: the cluster is ready again, and copies are equal") {
  made_up e;
  e.ready_again = false;
  CHECK(e.broken("I15") >= 1);
  e.ready_again = true;
  e.last_rows.emplace_back().repairs = 1;
  CHECK(e.broken("I15") >= 1);
}

TEST_CASE("I17: nobody in a dialog is refused because the cluster is full") {
  made_up e;
  e.asked(3s, "INFO", 2, 503, true);
  CHECK(e.broken("I17") >= 1);
}

TEST_CASE("I18: no session is left of a call") {
  made_up e;
  e.plan.to_the_end = true;
  e.last_rows.emplace_back().sessions = 1;
  CHECK(e.broken("I18") >= 1);
  e.plan.registrations.push_back({"bob-1", 600});
  CHECK(e.broken("I18") == 0);
}

TEST_CASE("I19: a new call succeeds when all is well") {
  made_up e;
  e.ends[0].began = at(12s);
  e.ends[0].status = 503;
  e.ends[0].stood_at.reset();
  e.ends[0].answered_at.reset();
  CHECK(e.broken("I19") >= 1);
}

TEST_CASE("I20: a drain empties no shard and costs no request") {
  made_up e;
  e.plan.faults.push_back({2s, fault_kind::drain, "container-1", "", 1s, 0});
  e.asked(3s, "INFO", 2, 500, true);
  CHECK(e.broken("I20") >= 1);
  e.takeovers.push_back({at(3s), shard_id{1}, epoch{3}, cluster::fence::none, true, false});
  CHECK(e.broken("I20") >= 2);
}

TEST_CASE("I22, I23: half a call, and a call that nobody ended") {
  made_up e;
  e.plan.calls[0].callee = "bob-1";
  auto callee = e.ends[0];
  callee.at = side::callee;
  callee.agent = "bob-1";
  callee.call_id = "call-2";
  callee.state = call_end::phase::ended;
  e.ends.push_back(callee);
  CHECK(e.broken("I22") >= 1);
  e.ends[1].state = call_end::phase::standing;
  e.seen(12s, passage::left, request("BYE", "z9hG4bKb", 5));
  CHECK(e.broken("I23") >= 1);
}
