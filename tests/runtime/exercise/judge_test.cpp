#include "history.hpp"
#include "runtime/exercise/figures.hpp"
#include "runtime/exercise/judge.hpp"

#include <set>

namespace holdfast::exercise::test {

namespace {

using enum party;
using enum way;

struct broken {
  const char* what;
  std::string_view rule;
  void (*how)(history&);
};

// One row per way of breaking a rule. The rule named must complain; others may.
const broken rows[] = {
    {"an INFO that nobody answers", "answered",
     [](history& h) { h.forget(caller, received, "200 (INFO)"); }},
    {"an answer after more than 64*T1", "answered",
     [](history& h) { h.find(caller, received, "200 (INFO)").at += 33s; }},
    {"an INVITE with nothing but a 180", "answered",
     [](history& h) { h.forget(caller, received, "200 (INVITE)"); }},
    {"a re-INVITE refused", "successful",
     [](history& h) { h.find(callee, received, "200 (INVITE)").status = 488; }},
    {"a 481 in the dialog", "successful",
     [](history& h) { h.find(caller, received, "200 (INFO)").status = 481; }},
    {"a 500 with Retry-After that nobody follows", "successful",
     [](history& h) {
       auto& o = h.find(caller, received, "200 (INFO)");
       o.status = 500;
       o.retry_after = true;
     }},
    {"a BYE with the CSeq of the INFO", "cseq-grows",
     [](history& h) { h.find(callee, received, "BYE").cseq = 2; }},
    {"a BYE with a CSeq below it", "cseq-grows",
     [](history& h) { h.find(callee, received, "BYE").cseq = 1; }},
    {"another From-tag in the dialog", "dialog-id-kept",
     [](history& h) { h.find(callee, received, "INFO").from_tag = "other"; }},
    {"another To-tag in a response", "dialog-id-kept",
     [](history& h) { h.find(caller, received, "200 (INFO)").to_tag = "other"; }},
    {"another Call-ID", "dialog-id-kept",
     [](history& h) { h.find(caller, received, "200 (INFO)").call_id = "two"; }},
    {"another Record-Route in the re-INVITE's 2xx", "route-set-kept",
     [](history& h) {
       h.request(callee, "INVITE", 2);
       h.response(callee, "INVITE", 2, 200);
       h.request(callee, "ACK", 2);
       h.log.seen[h.log.seen.size() - 3].record_route = "<sip:new@192.0.2.8;lr>";
     }},
    {"another Contact in the re-INVITE", "target-kept",
     [](history& h) { h.find(caller, received, "INVITE").contact = "sip:new@192.0.2.8"; }},
    {"another SDP session id", "origin-kept",
     [](history& h) { h.find(caller, received, "INVITE").origin = "callee 8 1 IN IP4 192.0.2.1"; }},
    {"an SDP version that falls", "origin-kept",
     [](history& h) { h.find(caller, received, "INVITE").origin = "callee 7 0 IN IP4 192.0.2.1"; }},
    {"no ACK at the callee", "success-acked",
     [](history& h) { h.forget(callee, received, "ACK"); }},
    {"a repeated 2xx that is not acknowledged again", "success-acked",
     [](history& h) { h.repeat(callee, sent, "200 (INVITE)"); }},
    {"a caller that does not acknowledge again", "success-acked",
     [](history& h) { h.repeat(caller, received, "200 (INVITE)"); }},
    {"an INFO after the BYE", "silent-after-bye", [](history& h) { h.request(caller, "INFO", 4); }},
    {"a BYE to the one who hung up", "silent-after-bye",
     [](history& h) { h.request(callee, "BYE", 2); }},
    {"an INFO that arrives as two transactions", "arrives-once",
     [](history& h) {
       auto& o = h.repeat(callee, received, "INFO");
       o.branch = "z9hG4bKagain";
       o.cseq = 9;
     }},
    {"an INVITE that makes two calls at the callee", "arrives-once",
     [](history& h) {
       auto& o = h.repeat(callee, received, "INVITE");
       o.branch = "z9hG4bKagain";
       o.call_id = "two";
     }},
    {"an INFO that was answered and never arrived", "arrives-once",
     [](history& h) { h.forget(callee, received, "INFO"); }},
    {"a callee that is left behind", "ends-agree",
     [](history& h) { h.log.callee = belief::established; }},
    {"a caller that is left behind", "ends-agree",
     [](history& h) { h.log.caller = belief::established; }},
    {"a call with nobody", "ends-agree", [](history& h) { h.log.callee = belief::nothing; }},
    {"a response to nothing", "responses-match",
     [](history& h) { h.repeat(caller, received, "200 (INFO)").branch = "z9hG4bKforeign"; }},
    {"two different finals", "one-final",
     [](history& h) { h.repeat(caller, received, "200 (INFO)").status = 481; }},
    {"two 2xx from different ends", "one-final",
     [](history& h) { h.repeat(caller, received, "200 (INVITE)").to_tag = "fork"; }},
};

std::set<std::string_view> broken_rules(const history& h) {
  std::set<std::string_view> out;
  for (const auto& v : judge(h.log, h.when)) out.insert(v.rule);
  return out;
}

} // namespace

TEST_CASE("judge: a call that went well breaks no rule") {
  const auto h = good_call();
  for (const auto& v : judge(h.log, h.when)) FAIL_CHECK(v.rule << ": " << v.what.text);
  CHECK_FALSE(lost(h.log, h.when));
}

TEST_CASE("judge: every rule complains about a history that breaks it") {
  std::set<std::string_view> tried;
  for (const auto& row : rows) {
    CAPTURE(row.what);
    auto h = good_call();
    row.how(h);
    CHECK(broken_rules(h).count(row.rule) == 1);
    tried.insert(row.rule);
  }
  for (const auto& r : rules()) {
    CAPTURE(r.name);
    CHECK(tried.count(r.name) == 1); // a rule that no row can break is no rule
  }
}

TEST_CASE("judge: retransmissions are no violations [RFC 3261 17.1, 17.2]") {
  auto h = good_call();
  h.repeat(caller, sent, "INFO");
  h.repeat(callee, received, "INFO");
  h.repeat(caller, received, "200 (INFO)");
  h.repeat(callee, received, "BYE"); // its 200 was lost
  h.repeat(callee, sent, "200 (BYE)");
  h.repeat(caller, received, "200 (BYE)");
  h.repeat(callee, sent, "200 (INVITE)");
  h.repeat(callee, received, "ACK");
  CHECK(broken_rules(h).empty());
}

TEST_CASE(
    "judge: gaps in CSeq and a growing SDP version are legal [RFC 3261 12.2.1.1, RFC 3264 8]") {
  auto h = good_call();
  h.find(callee, received, "BYE").cseq = 1000;
  h.find(caller, received, "INVITE").origin = "callee 7 5 IN IP4 192.0.2.1";
  CHECK(broken_rules(h).empty());
}

TEST_CASE("judge: without a callee of ours only the caller's half is judged") {
  auto h = good_call();
  std::erase_if(h.log.seen, [](const observation& o) { return o.who == callee; });
  h.log.callee_is_ours = false;
  h.log.callee = belief::nothing;
  CHECK(broken_rules(h).empty());
}

TEST_CASE("lost: 481, 408, 5xx, silence, or a BYE nobody sent, to a call stable at the fault") {
  for (const int status : {481, 408, 500, 503, 603}) {
    CAPTURE(status);
    auto h = good_call();
    h.find(caller, received, "200 (INFO)").status = status;
    CHECK(lost(h.log, h.when));
    h.log.stable_at_fault = false;
    CHECK_FALSE(lost(h.log, h.when));
  }
  auto silent = good_call();
  silent.forget(caller, received, "200 (BYE)");
  CHECK(lost(silent.log, silent.when));

  auto cut = good_call();
  cut.find(caller, sent, "BYE").direction = received;
  CHECK(lost(cut.log, cut.when));

  auto gone = good_call();
  std::erase_if(gone.log.seen, [&](const observation& o) { return o.at > *gone.when.fault_at; });
  CHECK(lost(gone.log, gone.when));
}

TEST_CASE("lost: a 500 with Retry-After is not, when its repetition succeeds [RFC 3261 20.33]") {
  auto h = good_call();
  auto& first = h.find(caller, received, "200 (INFO)");
  first.status = 500;
  first.retry_after = true;
  h.forget(callee, received, "BYE"); // the call goes on
  h.forget(callee, sent, "200 (BYE)");
  h.forget(caller, sent, "BYE");
  h.forget(caller, received, "200 (BYE)");
  h.request(caller, "INFO", 3, "1-0-c4");
  h.response(caller, "INFO", 3, 200);
  CHECK_FALSE(lost(h.log, h.when));
  CHECK(broken_rules(h).empty());
  // From the first INFO to the 200 of the second one: 15 messages of 10 + 1 ms lie between.
  const auto deaf = gap(h.log, h.when);
  REQUIRE(deaf);
  CHECK(*deaf > 50ms);
}

TEST_CASE("figures: gap from the first copy to the 2xx, retransmissions counted") {
  auto h = good_call();
  const auto quick = gap(h.log, h.when);
  REQUIRE(quick);
  CHECK(*quick == 12ms);
  h.find(caller, received, "200 (INFO)").at += 3s;
  CHECK(*gap(h.log, h.when) == 3012ms);
  h.repeat(caller, sent, "INFO");
  h.repeat(callee, sent, "200 (INVITE)");
  h.repeat(callee, sent, "200 (INVITE)").deliberate = true;
  const auto f = figures_of({h.log}, false, h.when);
  CHECK(f.repeats.requests == 1);
  CHECK(f.repeats.requests_before_fault == 0);
  CHECK(f.repeats.successes == 1);
  CHECK(f.gap.count == 1);
}

TEST_CASE("figures: SRD, SDD, SER and ISA [RFC 6076]") {
  const auto good = good_call();
  auto refused = good_call();
  refused.find(caller, received, "200 (INVITE)").status = 503;
  auto moved = good_call();
  moved.find(caller, received, "200 (INVITE)").status = 302;
  const auto f = figures_of({good.log, refused.log, moved.log}, false, good.when);
  CHECK(f.placed == 3);
  CHECK(f.srd.p50 == doctest::Approx(12.0)); // to the 180
  CHECK(f.sdd.max == doctest::Approx(12.0));
  CHECK(f.ser == doctest::Approx(50.0)); // a 3xx does not count
  CHECK(f.isa == doctest::Approx(100.0 / 3));
}

TEST_CASE("figures: percentiles are of the nearest rank") {
  std::vector<duration> samples;
  for (int i = 100; i >= 1; --i) samples.push_back(i * 1ms);
  const auto d = distribution_of(samples);
  CHECK(d.p50 == 50.0);
  CHECK(d.p99 == 99.0);
  CHECK(d.max == 100.0);
  CHECK(distribution_of({}).count == 0);
}

} // namespace holdfast::exercise::test
