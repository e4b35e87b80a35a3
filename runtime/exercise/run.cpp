// The wire side of a run: every datagram, in or out, is observed here and handed to its end.
#include "runtime/exercise/run.hpp"

#include "protocol/sip/parser.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"
#include "runtime/exercise/exercise_id.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::exercise {

namespace {

end_settings settings_for(const plan& p, const endpoint& address) {
  end_settings s;
  s.password = p.password;
  s.address = address;
  s.outbound = p.target;
  s.over = p.over;
  s.timers = p.timers;
  s.ring = p.ring;
  s.run = p.seed;
  return s;
}

constexpr std::size_t strays_max = 1000;

} // namespace

run::run(plan p)
    : plan_{std::move(p)},
      caller_settings_{settings_for(plan_, plan_.caller_address)},
      callee_settings_{settings_for(plan_, plan_.callee_address)},
      names_{plan_.seed} {
  if (plan_.callees == 0) plan_.callees = std::clamp(plan_.calls, 1U, 200U);
  if (plan_.timeout == duration{}) plan_.timeout = default_timeout(plan_);
  if (!plan_.registers && plan_.own_callees) caller_settings_.outbound = plan_.callee_address;
  if (!plan_.fault) plan_.extra_calls = 0; // they arrive after one
  evidence_.timers = plan_.timers;
  const auto all = plan_.calls + plan_.extra_calls;
  calls_.resize(all);
  evidence_.calls.resize(all);
  for (std::uint32_t i = 0; i < all; ++i) {
    evidence_.calls[i].number = i;
    evidence_.calls[i].extra = i >= plan_.calls;
    evidence_.calls[i].callee_is_ours = plan_.own_callees;
  }
}

void run::receive(party at_party, const flow& source, std::string_view bytes, instant now) {
  auto parsed = sip::parse(bytes);
  heard_ = true;
  if (!parsed) {
    if (parsed.error().status != 0 && evidence_.strays.size() < strays_max)
      evidence_.strays.push_back("unreadable message: " + parsed.error().what);
    return;
  }
  auto& m = *parsed;
  if (m.is_request()) sip::stamp_source(m, source);
  const auto& index = at_party == party::caller ? caller_index_ : callee_index_;
  const auto call_id = m.call_id();
  if (const auto it = index.find(call_id); it != index.end()) {
    receive_known(at_party, it->second, m, source, now);
  } else if (const auto binding = registration_index_.find(call_id);
             at_party == party::callee && binding != registration_index_.end()) {
    step s;
    registrations_[binding->second].receive(m, names_, now, s);
    flush_registration(binding->second, s);
  } else if (!receive_invitation(m, source, now)) {
    receive_unknown(at_party, m, source, now);
  }
  advance(now);
}

void run::receive_known(party at_party, std::uint32_t index, const sip::message& m,
                        const flow& source, instant now) {
  auto* const end = end_of(index, at_party);
  auto& log = evidence_.calls[index];
  log.seen.push_back(observe(m, at_party, way::received, now));
  // The second dialog of a doubled INVITE was refused without a trace.
  if (end == nullptr || (!end->call_id().empty() && end->call_id() != m.call_id())) {
    if (m.is_request() && !m.is("ACK"))
      reply(at_party, m, m.is("INVITE") ? 486 : 481, source, &log, now);
    return;
  }
  step s;
  end->receive(m, source, names_, now, s);
  flush(at_party, index, s, now);
  on_change(index, now);
}

// The first that a callee of ours hears of a call. A second INVITE with the same exercise id and
// another Call-ID is noted, for the judge, and refused as a busy phone would.
bool run::receive_invitation(const sip::message& m, const flow& source, instant now) {
  if (!m.is("INVITE") || !m.to_tag().empty() || !plan_.own_callees) return false;
  const auto number = call_of(find_exercise_id(m), plan_.seed);
  if (!number || *number >= calls_.size()) return false;
  auto& c = calls_[*number];
  if (!c.callee)
    c.callee.emplace(party::callee, *number, callee_settings_, traits(*number, party::callee));
  callee_index_.emplace(m.call_id(), *number);
  receive_known(party::callee, *number, m, source, now);
  return true;
}

void run::receive_unknown(party at_party, const sip::message& m, const flow& source, instant now) {
  const bool ping = m.is("OPTIONS");
  if (!ping && evidence_.strays.size() < strays_max)
    evidence_.strays.push_back(std::string{to_string(at_party)} + " received "
                               + label(observe(m, at_party, way::received, now))
                               + " with unknown Call-ID " + m.call_id());
  if (m.is_request() && !m.is("ACK")) reply(at_party, m, ping ? 200 : 481, source, nullptr, now);
}

void run::reply(party at_party, const sip::message& request, int status, const flow& source,
                call_log* log, instant now) {
  const auto response = sip::make_response(request, status, "", sip::stateless_tag(request));
  if (log != nullptr) log->seen.push_back(observe(response, at_party, way::sent, now));
  outgoing_.push_back({at_party, sip::way_back(request, source), sip::to_bytes(response)});
}

void run::flush(party who, std::uint32_t index, step& s, instant now) {
  auto& log = evidence_.calls[index];
  for (auto& d : s.sends) {
    if (const auto m = sip::parse(d.bytes)) {
      log.seen.push_back(observe(*m, who, way::sent, now));
      log.seen.back().deliberate = d.deliberate;
    }
    outgoing_.push_back({who, std::move(d.to), std::move(d.bytes)});
  }
  const auto whose = who == party::caller ? owner::caller : owner::callee;
  for (const auto& a : s.alarms) timetable_.push({a, whose, index, ++order_});
}

void run::flush_registration(std::uint32_t index, step& s) {
  for (auto& d : s.sends) outgoing_.push_back({party::callee, std::move(d.to), std::move(d.bytes)});
  for (const auto& a : s.alarms) timetable_.push({a, owner::registration, index, ++order_});
}

call_end* run::end_of(std::uint32_t index, party who) {
  auto& end = who == party::caller ? calls_[index].caller : calls_[index].callee;
  return end ? &*end : nullptr;
}

std::vector<outgoing> run::take_outgoing() {
  return std::exchange(outgoing_, {});
}

std::optional<instant> run::next_deadline() const {
  if (timetable_.empty()) return std::nullopt;
  return timetable_.top().what.at;
}

void run::tick(instant now) {
  while (!timetable_.empty() && timetable_.top().what.at <= now && !finished()) {
    const auto d = timetable_.top();
    timetable_.pop();
    fire(d, now);
  }
  advance(now);
}

void run::fire(const due& d, instant now) {
  if (d.whose == owner::script) return on_cue(static_cast<cue>(d.what.what), d.index, now);
  step s;
  if (d.whose == owner::registration) {
    registrations_[d.index].on_alarm(d.what, names_, now, s);
    return flush_registration(d.index, s);
  }
  const auto who = d.whose == owner::caller ? party::caller : party::callee;
  if (auto* const end = end_of(d.index, who)) end->on_alarm(d.what, names_, now, s);
  flush(who, d.index, s, now);
  on_change(d.index, now);
}

} // namespace holdfast::exercise
