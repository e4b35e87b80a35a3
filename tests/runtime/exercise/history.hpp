// A call as two ends saw it, written down by hand: what the rules of the judge are tried on.
#pragma once

#include "runtime/exercise/judge.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

namespace holdfast::exercise::test {

inline constexpr instant zero{duration{1s}};

class history {
public:
  call_log log;
  circumstances when;

  // Sent at one end, received at the other a millisecond later.
  void request(party from, std::string method, std::uint32_t cseq, std::string id = {}) {
    observation o;
    o.method = std::move(method);
    o.cseq = cseq;
    o.exercise_id = std::move(id);
    o.branch = "z9hG4bK" + std::string{to_string(from)} + std::to_string(cseq) + o.method;
    fill(o, from, from);
    if (o.method == "INVITE" && from == party::caller && cseq == 1) o.to_tag.clear();
    cross(o, from);
  }

  // To the request that `asker` sent.
  void response(party asker, std::string method, std::uint32_t cseq, int status) {
    observation o;
    o.method = std::move(method);
    o.cseq = cseq;
    o.status = status;
    o.branch = "z9hG4bK" + std::string{to_string(asker)} + std::to_string(cseq) + o.method;
    fill(o, asker, other(asker));
    cross(o, other(asker));
  }

  // "INVITE", "200 (INVITE)"; the first such at that end.
  observation& find(party who, way direction, std::string_view what) {
    const auto it = std::find_if(log.seen.begin(), log.seen.end(), [&](const observation& o) {
      return o.who == who && o.direction == direction && label(o) == what;
    });
    REQUIRE(it != log.seen.end());
    return *it;
  }
  void forget(party who, way direction, std::string_view what) {
    const auto& o = find(who, direction, what);
    log.seen.erase(log.seen.begin() + (&o - log.seen.data()));
  }
  // At the end of the log, ten milliseconds later.
  observation& repeat(party who, way direction, std::string_view what) {
    auto copy = find(who, direction, what);
    now_ += 10ms;
    copy.at = now_;
    return log.seen.emplace_back(std::move(copy));
  }
  void wait(duration d) { now_ += d; }
  [[nodiscard]] instant now() const { return now_; }

private:
  static void fill(observation& o, party asker, party writer) {
    o.call_id = "one";
    o.from_tag = asker == party::caller ? "caller-tag" : "callee-tag";
    o.to_tag = asker == party::caller ? "callee-tag" : "caller-tag";
    if (o.method != "INVITE") return;
    o.contact = writer == party::caller ? "sip:caller@192.0.2.1" : "sip:callee@192.0.2.2";
    o.record_route = "<sip:token@192.0.2.9;lr>";
    if (o.is_request() || o.is_success())
      o.origin = std::string{to_string(writer)} + " 7 1 IN IP4 192.0.2.1";
  }
  void cross(observation o, party from) {
    now_ += 10ms;
    o.at = now_;
    o.who = from;
    o.direction = way::sent;
    log.seen.push_back(o);
    now_ += 1ms;
    o.at = now_;
    o.who = other(from);
    o.direction = way::received;
    log.seen.push_back(o);
  }

  instant now_ = zero;
};

// INVITE, an INFO by the caller and a re-INVITE by the callee after the fault, BYE by the caller.
inline history good_call() {
  using enum party;
  history h;
  h.request(caller, "INVITE", 1, "1-0-c1");
  h.response(caller, "INVITE", 1, 180);
  h.response(caller, "INVITE", 1, 200);
  h.request(caller, "ACK", 1);
  h.log.stable_at_fault = true;
  h.log.established_at = h.now();
  h.wait(1s);
  h.when.fault_at = h.now();
  h.request(caller, "INFO", 2, "1-0-c2");
  h.response(caller, "INFO", 2, 200);
  h.request(callee, "INVITE", 1, "1-0-d1");
  h.response(callee, "INVITE", 1, 200);
  h.request(callee, "ACK", 1);
  h.request(caller, "BYE", 3, "1-0-c3");
  h.response(caller, "BYE", 3, 200);
  h.log.caller = belief::ended;
  h.log.callee = belief::ended;
  return h;
}

} // namespace holdfast::exercise::test
