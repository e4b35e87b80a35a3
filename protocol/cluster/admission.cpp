#include "protocol/cluster/admission.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>
#include <cmath>

namespace holdfast::cluster {

namespace {

constexpr double fading = 0.98;         // of what is known about a session's cost, each step
constexpr double headroom = 0.95;       // of the message rate: what comes is never even
constexpr double overrun_factor = 1.2;  // beyond the limit
constexpr double demand_weight = 0.4;   // of the newest estimate
constexpr double response_weight = 0.3; // of the newest tenth of a second
constexpr double share_min = 0.01;      // to divide by

std::uint32_t to_rate(double x) {
  return x >= load::no_limit ? load::no_limit : static_cast<std::uint32_t>(std::max(x, 0.0));
}

} // namespace

// ---- rates

void event_rate::advance(instant now) {
  const auto slot_now = now.time_since_epoch() / slot;
  const auto steps = std::clamp<std::int64_t>(slot_now - current_, 0, slots);
  for (std::int64_t i = 1; i <= steps; ++i)
    counts_[static_cast<std::size_t>(slot_now - steps + i) % slots] = 0;
  current_ = std::max(current_, slot_now);
}

void event_rate::count(std::uint32_t events, instant now) {
  advance(now);
  counts_[static_cast<std::size_t>(current_) % slots] += events;
}

std::uint32_t event_rate::last_second(instant now) {
  advance(now);
  std::uint32_t sum = 0;
  for (const auto c : counts_) sum += c;
  return sum;
}

double event_rate::lately(instant now) {
  constexpr std::int64_t full_slots = 3;
  advance(now);
  std::uint32_t sum = 0;
  for (std::int64_t i = 1; i <= full_slots; ++i)
    sum +=
        counts_[static_cast<std::size_t>(current_ - i + static_cast<std::int64_t>(slots)) % slots];
  return sum * static_cast<double>(slots) / full_slots;
}

// ---- a container

void load_gauge::started(std::uint32_t sessions, instant now) {
  new_sessions_.count(sessions, now);
  sessions_seen_ += sessions;
}

void load_gauge::message(instant now) {
  messages_.count(1, now);
  messages_seen_ += 1;
}

void load_gauge::dealt_with(duration took) {
  took_ += took;
  ++timed_;
}

load load_gauge::report(const load_figures& figures, instant now) {
  step(now);
  const double rate = messages_.last_second(now);
  const double new_rate = new_sessions_.lately(now);
  double allowed = std::min(by_message_rate(rate), by_time_);
  if (limits_.sessions_max > 0) {
    // Not all of what is left within one report: every directory and proxy believes it.
    const auto left = limits_.sessions_max - std::min(limits_.sessions_max, figures.sessions);
    allowed = std::min(allowed, left * 10.0);
  }
  return {figures,
          static_cast<std::uint32_t>(std::lround(new_rate)),
          to_rate(allowed),
          static_cast<std::uint32_t>(rate),
          static_cast<std::uint32_t>(response_time_us_),
          {}};
}

double load_gauge::by_message_rate(double rate) const {
  if (limits_.message_rate_max == 0) return load::no_limit;
  // Three messages a session, until we know better.
  const double per_session = std::max(1.0, (messages_seen_ + 12) / (sessions_seen_ + 4));
  const double allowed = limits_.message_rate_max * headroom / per_session;
  // What is in dialogs already may need more than it should: it goes first.
  return rate > limits_.message_rate_max ? allowed * limits_.message_rate_max / rate : allowed;
}

void load_gauge::step(instant now) {
  if (now < next_step_) return;
  next_step_ = now + event_rate::slot;
  messages_seen_ *= fading;
  sessions_seen_ *= fading;
  // When nothing was dealt with, nothing was slow either.
  const auto us = timed_ > 0 ? static_cast<double>(took_.count()) / timed_ : 0;
  response_time_us_ += response_weight * (us - response_time_us_);
  took_ = {};
  timed_ = 0;
  limit_by_response_time(new_sessions_.lately(now));
}

// Less by a fifth while it is too slow, more by a tenth while it is not, until it is no limit.
void load_gauge::limit_by_response_time(double new_rate) {
  if (limits_.response_time_max <= duration{}) return;
  if (response_time_us_ > static_cast<double>(limits_.response_time_max.count()))
    by_time_ = std::max(1.0, std::min(by_time_, new_rate) * 0.8);
  else if (by_time_ < load::no_limit)
    by_time_ = by_time_ > 2 * new_rate + 100 ? load::no_limit : by_time_ * 1.1 + 1;
}

bool load_gauge::overrun(instant now) {
  return limits_.message_rate_max > 0
         && messages_.last_second(now) >= limits_.message_rate_max * overrun_factor;
}

// ---- a proxy

bool is_emergency(const sip::message_view& request) {
  const auto begins = [](std::string_view text, std::string_view with) {
    return sip::text::same(text.substr(0, with.size()), with);
  };
  if (begins(request.request_uri(), "urn:service:sos")) return true;
  if (const auto priority = request.header(sip::header_name::priority);
      priority && sip::text::same(sip::text::trim(*priority), "emergency"))
    return true;
  for (std::size_t i = 0; i < request.size(); ++i) {
    const auto line = request[i];
    if (!sip::text::same(line.name, "Resource-Priority")) continue;
    sip::list_cursor values{line.value};
    for (std::string_view value; values.next(value);)
      if (begins(sip::text::trim(value), "esnet.")) return true; // RFC 7135
  }
  return false;
}

void admission::reported(const std::string& name, const load& told, instant now) {
  containers_[name] = {told, now};
}

void admission::on_tick(instant now) {
  if (now < next_step_) return;
  next_step_ = now + step;
  double started = 0;
  double allowed = 0;
  std::size_t counted = 0;
  for (const auto& [name, c] : containers_) {
    if (now - c.at > stale) continue;
    ++counted;
    started += c.told.new_rate;
    allowed += c.told.allowed_rate == load::no_limit ? HUGE_VAL : c.told.allowed_rate;
  }
  // Nobody tells us of any limit: not a reason to refuse, what waits has a bound of its own.
  if (counted == 0 || std::isinf(allowed)) {
    share_ = 1;
    demand_ = started;
    return;
  }
  if (share_ > 0) demand_ += demand_weight * (started / std::max(share_, share_min) - demand_);
  share_ = demand_ <= allowed ? (allowed > 0 ? 1 : 0) : allowed / demand_;
}

admission::verdict admission::decide(urgency how, std::uint64_t random, instant now) {
  if (how != urgency::fresh) return verdict::admit;
  constexpr double scale = 1.0 / 4294967296.0;
  if (static_cast<double>(random & 0xffff'ffff) * scale < share_) return verdict::admit;
  if (refusals_.last_second(now) >= refusals_max) return verdict::ignore;
  refusals_.count(1, now);
  return verdict::refuse;
}

unsigned admission::loss_percent() const {
  return static_cast<unsigned>(std::lround(100 * (1 - share_)));
}

} // namespace holdfast::cluster
