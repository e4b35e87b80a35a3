// The script of a run: who calls when, what happens at the fault, when it is over.
#include "runtime/exercise/run.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace holdfast::exercise {

namespace {

constexpr duration silence_max = 5s; // until it is clear that nobody is there
constexpr duration linger = 1s;      // for what should not come any more
constexpr duration unregister_max = 5s;
constexpr double registrations_per_second = 200;

duration spacing(double per_second) {
  return duration{std::llround(1e6 / std::max(per_second, 0.001))};
}

} // namespace

duration default_timeout(const plan& p) {
  const auto placing = spacing(p.rate) * (p.calls + p.extra_calls);
  // An INVITE given up, its CANCEL in vain, and a callee that waits for its ACK (64*T1 each).
  return 30s + placing + p.settle + p.probe_window + p.hold + 3 * 64 * p.timers.t1;
}

void run::at(instant when, cue c, std::uint32_t index) {
  timetable_.push({{when, 0, static_cast<std::uint8_t>(c), 0}, owner::script, index, ++order_});
}

void run::start(instant now) {
  at(now + silence_max, cue::silence);
  at(now + plan_.timeout, cue::give_up);
  if (!plan_.own_callees || !plan_.registers) return begin_calling(now);
  phase_ = phase::registering;
  for (std::uint32_t i = 0; i < plan_.callees; ++i) {
    registrations_.emplace_back(i, plan_.target_host, callee_settings_, plan_.expires_s);
    at(now + i * spacing(registrations_per_second), cue::ask, i);
  }
}

void run::begin_calling(instant now) {
  phase_ = phase::calling;
  if (plan_.fault_after) at(now + *plan_.fault_after, cue::fault);
  for (std::uint32_t i = 0; i < plan_.calls; ++i) at(now + i * spacing(plan_.rate), cue::place, i);
}

void run::on_cue(cue c, std::uint32_t index, instant now) {
  switch (c) {
  case cue::ask: {
    step s;
    registrations_[index].ask(names_, now, s);
    registration_index_.emplace(registrations_[index].call_id(), index);
    return flush_registration(index, s);
  }
  case cue::place:
    return place(index, now);
  case cue::probe:
    return probe(index, now);
  case cue::hang_up:
    return hang_up(index, now);
  case cue::rescue:
    return rescue(index, now);
  case cue::fault:
    return begin_fault(now);
  case cue::leave:
    phase_ = phase::unregistering;
    for (std::uint32_t i = 0; i < registrations_.size(); ++i) {
      step s;
      registrations_[i].remove(names_, now, s);
      flush_registration(i, s);
    }
    return at(now + unregister_max, cue::finish);
  case cue::finish:
    return conclude();
  case cue::silence:
    if (!heard_) stop("nothing answers at " + to_string(caller_settings_.outbound));
    return;
  case cue::give_up:
    if (phase_ == phase::registering) return stop("registration did not end in time");
    if (phase_ == phase::lingering || phase_ == phase::unregistering) return;
    evidence_.timed_out = true;
    phase_ = phase::lingering;
    return at(now, cue::leave);
  }
}

void run::conclude() {
  for (const auto& r : registrations_)
    if (!r.complaint().empty())
      evidence_.registration_complaints.push_back(r.aor() + ": " + r.complaint());
  phase_ = phase::done;
}

void run::stop(std::string why) {
  obstacle_ = std::move(why);
  phase_ = phase::done;
}

end_traits run::traits(std::uint32_t index, party who) const {
  end_traits t;
  const auto every = plan_.repeat_success_every;
  t.repeats_success = who == party::callee && every != 0 && index % every == every / 2;
  const auto cancelled = plan_.cancel_every;
  if (who == party::caller && cancelled != 0 && index % cancelled == cancelled / 2)
    t.patience = plan_.ring / 2;
  if (!plan_.header || plan_.header_every == 0 || index % plan_.header_every != 0) return t;
  if (plan_.header_on != header_place::in_dialog) t.invite_headers.push_back(*plan_.header);
  if (plan_.header_on != header_place::invite) t.in_dialog_headers.push_back(*plan_.header);
  return t;
}

std::string run::uri_of(std::uint32_t index) const {
  if (!plan_.own_callees) return plan_.target_uri;
  return "sip:callee-" + std::to_string(index % plan_.callees) + "@" + plan_.target_host;
}

void run::place(std::uint32_t index, instant now) {
  auto& c = calls_[index];
  c.caller.emplace(party::caller, index, caller_settings_, traits(index, party::caller));
  step s;
  c.caller->place(uri_of(index), names_, now, s);
  caller_index_.emplace(c.caller->call_id(), index);
  ++placed_;
  flush(party::caller, index, s, now);
  on_change(index, now);
}

// Four kinds of call in turn: probed from either end, ended from either end.
party run::prober(std::uint32_t index) const {
  return plan_.own_callees && index / 2 % 2 == 1 ? party::callee : party::caller;
}

party run::ender(std::uint32_t index) const {
  if (!plan_.own_callees || plan_.bye == hang_up_side::caller) return party::caller;
  if (plan_.bye == hang_up_side::callee) return party::callee;
  return index % 2 == 1 ? party::callee : party::caller;
}

std::string_view run::probe_method(std::uint32_t index) const {
  switch (plan_.probe) {
  case probe_kind::info:
    return "INFO";
  case probe_kind::reinvite:
    return "INVITE";
  case probe_kind::options:
    return "OPTIONS";
  case probe_kind::update:
    return "UPDATE";
  case probe_kind::mix:
    break;
  }
  return index / 4 % 2 == 0 ? "INFO" : "INVITE";
}

void run::probe(std::uint32_t index, instant now) {
  const auto who = prober(index);
  auto* const end = end_of(index, who);
  if (end == nullptr) return;
  step s;
  end->request(probe_method(index), names_, now, s);
  flush(who, index, s, now);
  on_change(index, now);
}

// Not while either end waits for an answer: the BYE would overtake it, and who could blame the
// cluster then. From the other side when the first one is no longer in the call: nobody is left
// behind.
void run::hang_up(std::uint32_t index, instant now) {
  auto& c = calls_[index];
  c.hang_up_due = (c.caller && c.caller->busy()) || (c.callee && c.callee->busy());
  if (c.hang_up_due) return;
  const auto first = ender(index);
  for (const auto who : {first, other(first)}) {
    auto* const end = end_of(index, who);
    if (end == nullptr || end->state() != belief::established) continue;
    step s;
    end->hang_up(names_, now, s);
    flush(who, index, s, now);
    return on_change(index, now);
  }
}

void run::begin_fault(instant now) {
  phase_ = phase::faulted;
  evidence_.fault_at = now;
  fault_ordered_ = true;
  fault_running_ = true;
  for (std::uint32_t i = 0; i < plan_.calls; ++i) {
    auto& log = evidence_.calls[i];
    log.stable_at_fault =
        calls_[i].up && std::none_of(log.seen.begin(), log.seen.end(), [](const observation& o) {
          return o.method == "BYE";
        });
    if (!calls_[i].up || plan_.fault_after) continue;
    const auto when = now + plan_.probe_window * i / plan_.calls;
    at(when, cue::probe, i);
    at(when + plan_.hold, cue::hang_up, i);
  }
  for (std::uint32_t i = 0; i < plan_.extra_calls; ++i)
    at(now + i * spacing(plan_.rate), cue::place, plan_.calls + i);
}

void run::on_change(std::uint32_t index, instant now) {
  auto& c = calls_[index];
  auto& log = evidence_.calls[index];
  if (c.caller) log.caller = c.caller->state();
  if (c.callee) log.callee = c.callee->state();
  const bool up = log.caller == belief::established
                  && (!plan_.own_callees || log.callee == belief::established);
  const bool over =
      log.caller == belief::ended && (log.callee == belief::ended || log.callee == belief::nothing);
  const bool was_settled = log.established_at || c.over;
  if (up && !log.established_at) {
    log.established_at = now;
    // Calls that a fault is prepared for wait for it; the others live their own life.
    if (!plan_.fault || plan_.fault_after || log.extra) {
      at(now + plan_.hold / 2, cue::probe, index);
      at(now + plan_.hold, cue::hang_up, index);
    }
  }
  if (up != c.up) up_ = up ? up_ + 1 : up_ - 1;
  if (over != c.over) over_ = over ? over_ + 1 : over_ - 1;
  c.up = up;
  c.over = over;
  if (!was_settled && (up || over) && !log.extra) ++settled_;
  if (c.hang_up_due) hang_up(index, now);
  const bool half = (log.caller == belief::established) != (log.callee == belief::established);
  if (!half || !plan_.own_callees) {
    c.half_since.reset();
  } else if (!c.half_since) {
    c.half_since = now;
    at(now + 64 * plan_.timers.t1, cue::rescue, index);
  }
}

// A person who is alone in a call hangs up, and so do we, once the far end has had all the time
// that the protocol gives it.
void run::rescue(std::uint32_t index, instant now) {
  const auto since = calls_[index].half_since;
  if (since && now - *since >= 64 * plan_.timers.t1) hang_up(index, now);
}

void run::advance(instant now) {
  switch (phase_) {
  case phase::registering:
    return advance_registration(now);
  case phase::calling:
    if (plan_.fault_after) return; // it is still to come
    if (plan_.fault && settled_ == plan_.calls) {
      phase_ = phase::settling;
      at(now + plan_.settle, cue::fault);
      return;
    }
    [[fallthrough]];
  case phase::faulted:
    if (over_ < calls_.size() || fault_running_) return;
    phase_ = phase::lingering;
    return at(now + linger, cue::leave);
  case phase::unregistering:
    if (std::all_of(registrations_.begin(), registrations_.end(), [](const registration& r) {
          return r.state() == registration::state_type::removed;
        }))
      conclude();
    return;
  default:
    return;
  }
}

void run::advance_registration(instant now) {
  std::size_t registered = 0;
  for (const auto& r : registrations_) {
    if (r.state() == registration::state_type::failed)
      return stop("registration of " + r.aor() + " failed: " + r.complaint());
    if (r.state() == registration::state_type::registered) ++registered;
  }
  if (registered == registrations_.size()) begin_calling(now);
}

bool run::take_fault_order() {
  return std::exchange(fault_ordered_, false);
}

void run::fault_command_ended() {
  fault_running_ = false;
}

std::string run::progress() const {
  return std::to_string(placed_) + " placed, " + std::to_string(up_) + " up, "
         + std::to_string(over_) + " over";
}

} // namespace holdfast::exercise
