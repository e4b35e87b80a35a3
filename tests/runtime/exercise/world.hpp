// A run and a network in virtual time. In the middle sits an element that answers REGISTER and
// relays everything else without state (RFC 3261 16.11); a test may tamper with what passes.
#pragma once

#include "protocol/sip/parser.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"
#include "runtime/exercise/run.hpp"

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::exercise::test {

inline const endpoint callers_at{"192.0.2.1", 5060};
inline const endpoint callees_at{"192.0.2.2", 5060};
inline const endpoint element_at{"192.0.2.9", 5060};

inline plan plan_through_element() {
  plan p;
  p.target = element_at;
  p.target_host = "192.0.2.9";
  p.caller_address = callers_at;
  p.callee_address = callees_at;
  p.calls = 8;
  p.hold = 2s;
  p.seed = 7;
  return p;
}

class world {
public:
  explicit world(const plan& p) : exercise{p} {}

  run exercise;
  instant now{duration{1s}};
  // May change a message on its way, or return false to drop it. Seen twice: to and from the
  // element.
  std::function<bool(sip::message& m, const endpoint& from, const endpoint& to)> tamper;
  duration delay = 1ms;
  duration fault_lasts = 100ms;

  void go() {
    exercise.start(now);
    while (!exercise.finished()) {
      exercise.tick(now);
      if (exercise.take_fault_order()) fault_over_ = now + fault_lasts;
      if (fault_over_ && *fault_over_ <= now) {
        fault_over_.reset();
        exercise.fault_command_ended();
      }
      for (auto& d : exercise.take_outgoing())
        carry(d.from == party::caller ? callers_at : callees_at, d.to, std::move(d.bytes));
      step_time();
    }
  }

  void carry(const endpoint& from, const endpoint& to, std::string bytes) {
    auto m = sip::parse(bytes);
    if (m && tamper) {
      if (!tamper(*m, from, to)) return;
      bytes = sip::to_bytes(*m);
    }
    flying_.emplace(now + delay, flight{from, to, std::move(bytes)});
  }

private:
  struct flight {
    endpoint from;
    endpoint to;
    std::string bytes;
  };

  void step_time() {
    auto next = now + 1s;
    if (const auto due = exercise.next_deadline()) next = std::min(next, *due);
    if (!flying_.empty()) next = std::min(next, flying_.begin()->first);
    if (fault_over_) next = std::min(next, *fault_over_);
    now = std::max(now, next);
    while (!flying_.empty() && flying_.begin()->first <= now) {
      const auto f = std::move(flying_.begin()->second);
      flying_.erase(flying_.begin());
      if (f.to == element_at)
        relay(f);
      else
        exercise.receive(f.to == callers_at ? party::caller : party::callee, f.from, f.bytes, now);
    }
  }

  void relay(const flight& f) {
    auto m = sip::parse(f.bytes);
    if (!m) return;
    if (m->is_response()) {
      m->remove_first("Via");
      if (const auto top = m->top_via())
        carry(element_at, sip::response_destination(*top), sip::to_bytes(*m));
      return;
    }
    sip::stamp_source(*m, f.from);
    if (m->is("REGISTER")) {
      auto ok = sip::make_response(*m, 200, "", "registrar");
      if (const auto contact = m->header("Contact")) ok.add("Contact", std::string{*contact});
      ok.add("Expires", std::string{m->header("Expires").value_or("60")});
      carry(element_at, f.from, sip::to_bytes(ok));
      return;
    }
    sip::via ours;
    ours.host = element_at.host;
    ours.port = element_at.port;
    // RFC 3261 16.11: a function of the request, so that copies keep it.
    sip::set_param(ours.params, "branch", m->top_via()->branch() + "-relayed");
    m->prepend("Via", sip::to_string(ours));
    carry(element_at, f.from == callers_at ? callees_at : callers_at, sip::to_bytes(*m));
  }

  std::multimap<instant, flight> flying_;
  std::optional<instant> fault_over_;
};

} // namespace holdfast::exercise::test
