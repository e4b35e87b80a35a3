// One user agent against hand-written peers: what the loopback run never does by itself.
#include "protocol/sip/parser.hpp"
#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/writer.hpp"
#include "runtime/exercise/call_end.hpp"
#include "runtime/exercise/exercise_id.hpp"
#include "runtime/exercise/session_description.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace holdfast::exercise::test {

namespace {

const endpoint peer{"192.0.2.9", 5060};
const end_settings settings{{"192.0.2.1", 5070}, peer, {}, 50ms, 7, 3};

// An end, its alarms, and what it sent.
class bench {
public:
  explicit bench(party who) : end{who, 3, settings, {}} {}

  call_end end;
  instant now{duration{1s}};
  std::vector<sip::message> sent;

  void place() {
    step s;
    end.place("sip:answer@192.0.2.9", names_, now, s);
    take(s);
  }
  void request(std::string_view method) {
    step s;
    end.request(method, names_, now, s);
    take(s);
  }
  void hang_up() {
    step s;
    end.hang_up(names_, now, s);
    take(s);
  }
  void receive(const sip::message& m) {
    step s;
    end.receive(m, peer, names_, now, s);
    take(s);
  }
  void wait(duration d) {
    const auto until = now + d;
    for (;;) {
      const auto next =
          std::min_element(alarms_.begin(), alarms_.end(),
                           [](const alarm& a, const alarm& b) { return a.at < b.at; });
      if (next == alarms_.end() || next->at > until) break;
      const auto a = *next;
      alarms_.erase(next);
      now = a.at;
      step s;
      end.on_alarm(a, names_, now, s);
      take(s);
    }
    now = until;
  }
  // "INVITE 200 BYE": everything sent so far, and forgets it.
  std::string words() {
    std::string out;
    for (const auto& m : sent)
      out += (out.empty() ? "" : " ") + (m.is_request() ? m.method : std::to_string(m.status));
    last = sent.empty() ? sip::message{} : sent.back();
    sent.clear();
    return out;
  }
  sip::message last; // of the words() before

private:
  void take(step& s) {
    for (const auto& d : s.sends) sent.push_back(*sip::parse(d.bytes));
    alarms_.insert(alarms_.end(), s.alarms.begin(), s.alarms.end());
  }

  name_source names_{7};
  std::vector<alarm> alarms_;
};

sip::message from_peer(std::string method, std::uint32_t cseq, std::string_view to_tag,
                       std::string_view branch) {
  sip::message m;
  m.method = method;
  m.request_uri = "sip:callee@192.0.2.1:5070";
  m.add("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK" + std::string{branch});
  m.add("From", "<sip:peer@192.0.2.9>;tag=theirs");
  m.add("To", "<sip:callee@192.0.2.9>"
                  + (to_tag.empty() ? std::string{} : ";tag=" + std::string{to_tag}));
  m.add("Call-ID", "one");
  m.add("CSeq", std::to_string(cseq) + " " + method);
  m.add("Contact", "<sip:peer@192.0.2.9>");
  return m;
}

// A callee that has answered; returns its tag.
std::string answered_callee(bench& b) {
  b.receive(from_peer("INVITE", 1, "", "invite"));
  b.wait(60ms);
  REQUIRE(b.words() == "180 200");
  return b.last.to_tag();
}

sip::message answer_to(const sip::message& request, int status) {
  auto m = sip::make_response(request, status, "", "theirs");
  m.add("Contact", "<sip:peer@192.0.2.9>");
  return m;
}

// A caller in the call; `invite` as it was sent.
sip::message established_caller(bench& b) {
  b.place();
  REQUIRE(b.words() == "INVITE");
  const auto invite = b.last;
  b.receive(answer_to(invite, 200));
  REQUIRE(b.words() == "ACK");
  REQUIRE(b.end.state() == belief::established);
  return invite;
}

} // namespace

TEST_CASE("callee: repeats its 2xx until the ACK [RFC 3261 13.3.1.4]") {
  bench b{party::callee};
  const auto tag = answered_callee(b);
  b.wait(1600ms); // T1, then 2*T1
  CHECK(b.words() == "200 200");
  b.receive(from_peer("ACK", 1, tag, "ack"));
  CHECK(b.end.state() == belief::established);
  b.wait(40s);
  CHECK(b.words() == "");
}

TEST_CASE("callee: without an ACK for 64*T1 it ends the dialog [RFC 3261 13.3.1.4]") {
  bench b{party::callee};
  answered_callee(b);
  b.wait(33s);
  const auto all = b.words();
  CHECK(all.find("BYE") != std::string::npos);
  b.receive(answer_to(b.last, 200));
  CHECK(b.end.state() == belief::ended);
}

TEST_CASE("callee: CANCEL while ringing gets 200, the INVITE 487 [RFC 3261 9.2]") {
  bench b{party::callee};
  const auto invite = from_peer("INVITE", 1, "", "invite");
  b.receive(invite);
  CHECK(b.words() == "180");
  b.receive(sip::make_cancel(invite));
  CHECK(b.words() == "200 487");
  CHECK(b.end.state() == belief::ended);
  b.wait(100ms); // the answer that was planned
  CHECK(b.words() == "");
}

TEST_CASE("callee: CANCEL after the 2xx changes nothing [RFC 3261 9.2]") {
  bench b{party::callee};
  const auto tag = answered_callee(b);
  b.receive(sip::make_cancel(from_peer("INVITE", 1, "", "invite")));
  CHECK(b.words() == "200");
  b.receive(from_peer("ACK", 1, tag, "ack"));
  CHECK(b.end.state() == belief::established);
}

TEST_CASE("callee: requests in the dialog are answered, and judged by CSeq and tag") {
  struct row {
    const char* method;
    std::uint32_t cseq;
    const char* tag; // nullptr: the right one
    const char* answer;
  };
  for (const auto& r : {row{"INFO", 2, nullptr, "200"}, row{"OPTIONS", 3, nullptr, "200"},
                        row{"UPDATE", 4, nullptr, "200"}, row{"INFO", 3, nullptr, "500"},
                        row{"INFO", 5, "wrong", "481"}, row{"INVITE", 6, "", "482"},
                        row{"REFER", 7, nullptr, "501"}, row{"BYE", 8, nullptr, "200"}}) {
    bench b{party::callee};
    const auto tag = answered_callee(b);
    b.receive(from_peer("ACK", 1, tag, "ack"));
    b.receive(from_peer("INFO", 4, tag, "first"));
    REQUIRE(b.words() == "200");
    CAPTURE(r.method);
    CAPTURE(r.cseq);
    // Row numbers below 4 would all be too low; only the row that wants 500 is.
    const auto cseq = std::string_view{r.answer} == "500" ? r.cseq : r.cseq + 10;
    b.receive(from_peer(r.method, cseq, r.tag ? r.tag : tag, "second"));
    CHECK(b.words() == r.answer);
    CHECK((b.end.state() == belief::ended) == (std::string_view{r.method} == "BYE"));
  }
}

TEST_CASE("caller: every copy of the 2xx gets the same ACK again [RFC 3261 13.2.2.4]") {
  bench b{party::caller};
  const auto invite = established_caller(b);
  const auto ack = b.last;
  b.receive(answer_to(invite, 200));
  CHECK(b.words() == "ACK");
  CHECK(b.last == ack);
}

TEST_CASE("caller: the 2xx of another fork is acknowledged and ended [RFC 3261 13.2.2.4]") {
  bench b{party::caller};
  const auto invite = established_caller(b);
  auto fork = sip::make_response(invite, 200, "", "fork");
  fork.add("Contact", "<sip:fork@192.0.2.9>");
  b.receive(fork);
  CHECK(b.words() == "ACK BYE");
  CHECK(b.last.to_tag() == "fork");
  CHECK(b.end.state() == belief::established);
}

TEST_CASE("caller: gives up a call that only rings: CANCEL [RFC 3261 9.1]") {
  bench b{party::caller};
  b.place();
  b.words();
  b.receive(answer_to(b.last, 180));
  b.wait(33s);
  CHECK(b.words().substr(0, 6) == "CANCEL");
  CHECK(b.end.state() == belief::early);
  b.wait(33s);
  CHECK(b.end.state() == belief::ended);
}

TEST_CASE("caller: a 500 with Retry-After is tried again with a higher CSeq [RFC 3261 20.33]") {
  bench b{party::caller};
  established_caller(b);
  b.request("INFO");
  CHECK(b.words() == "INFO");
  const auto first = b.last;
  auto later = answer_to(first, 500);
  later.add("Retry-After", "2 (failover)");
  b.receive(later);
  CHECK(b.end.busy());
  b.hang_up(); // waits
  b.wait(1900ms);
  CHECK(b.words() == "");
  b.wait(200ms);
  CHECK(b.words() == "INFO");
  CHECK(b.last.cseq()->number == first.cseq()->number + 1);
  CHECK(find_exercise_id(b.last) != find_exercise_id(first));
  b.receive(answer_to(b.last, 200));
  CHECK(b.words() == "BYE");
}

TEST_CASE("caller: 481 and silence end the dialog [RFC 3261 12.2.1.2]") {
  bench refused{party::caller};
  established_caller(refused);
  refused.request("INFO");
  refused.words();
  refused.receive(answer_to(refused.last, 481));
  CHECK(refused.end.state() == belief::ended);

  bench ignored{party::caller};
  established_caller(ignored);
  ignored.request("INFO");
  ignored.wait(33s);
  CHECK(ignored.end.state() == belief::ended);
}

TEST_CASE("caller: a second offer is another version of the same session [RFC 3264 8]") {
  bench b{party::caller};
  const auto invite = established_caller(b);
  b.request("INVITE");
  CHECK(b.words() == "INVITE");
  const auto before = parse_origin(origin_line(invite.body));
  const auto after = parse_origin(origin_line(b.last.body));
  REQUIRE(before);
  REQUIRE(after);
  CHECK(before->identity == after->identity);
  CHECK(after->version == before->version + 1);
}

TEST_CASE("exercise id: found in the header, or else in the body") {
  const auto id = make_exercise_id(0x5f3a, 12, 'c', 3);
  CHECK(id == "5f3a-12-c3");
  CHECK(call_of(id, 0x5f3a) == 12);
  CHECK_FALSE(call_of(id, 0x5f3b));
  CHECK_FALSE(call_of("", 0x5f3a));
  sip::message m;
  m.method = "INVITE";
  m.body = to_text({"caller-1", 7, 1, "192.0.2.1", id});
  CHECK(find_exercise_id(m) == id);
  m.body = id_line(id) + "\r\n";
  CHECK(find_exercise_id(m) == id);
  m.body.clear();
  CHECK(find_exercise_id(m) == "");
  m.add(std::string{id_header}, id);
  CHECK(find_exercise_id(m) == id);
}

} // namespace holdfast::exercise::test
