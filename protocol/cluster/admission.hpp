// Overload: what a container says of its limits, and what a proxy lets in (design, "Who does what",
// "Failure", 5). Values only, time is an argument.
//
//   container: load_gauge   messages, new sessions, response times --> load{new_rate, allowed_rate}
//   proxy:     admission    load of every container --> the share of new work that gets in
//
// A proxy sees only what comes to it, and nobody sees how much there is in all. But containers see
// what gets in: with a share f admitted, new sessions start at f times the demand. So the demand is
// (sum of new_rate) / f, and the next share is (sum of allowed_rate) / demand. Every proxy hears
// the same figures and comes to the same share, however unevenly the clients lie on them.
//
// In a dialog everything gets in, and so do emergencies: they are few, and what is in a dialog ends
// work that was let in already. The container has the last word on new work (overrun()).
#pragma once

#include "protocol/cluster/frames.hpp"
#include "protocol/core/time.hpp"
#include "protocol/sip/message_view.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace holdfast::cluster {

// Of one container; 0: no limit.
struct load_limits {
  std::uint32_t sessions_max = 0;
  std::uint32_t message_rate_max = 0; // SIP messages a second
  duration response_time_max{};       // mean, from the arrival of a message until it is dealt with

  friend bool operator==(const load_limits&, const load_limits&) = default;
};

// Events a second, over the last second.
class event_rate {
public:
  static constexpr std::size_t slots = 10;
  static constexpr duration slot{100ms};

  void count(std::uint32_t events, instant now);
  [[nodiscard]] std::uint32_t last_second(instant now);
  // Over the latest full slots alone: follows a change sooner, and is noisier.
  [[nodiscard]] double lately(instant now);

private:
  void advance(instant now);

  std::array<std::uint32_t, slots> counts_{};
  std::int64_t current_ = 0; // number of the slot that is being filled
};

// At a container.
class load_gauge {
public:
  explicit load_gauge(load_limits limits) : limits_{limits} {}

  void message(instant now);
  void started(std::uint32_t sessions, instant now);
  void dealt_with(duration took); // a message, since it arrived

  // To be told to every proxy; call it every 30 ms or so.
  [[nodiscard]] load report(const load_figures& figures, instant now);
  // More messages than the limit and a fifth come in: new work is to be ignored, whoever let it in.
  [[nodiscard]] bool overrun(instant now);

private:
  [[nodiscard]] double by_message_rate(double rate) const;
  void step(instant now);
  void limit_by_response_time(double new_rate);

  load_limits limits_;
  event_rate messages_;
  event_rate new_sessions_;
  // Messages that one session costs in all its life, learned; both fade.
  double messages_seen_ = 0;
  double sessions_seen_ = 0;
  duration took_{}; // all of the current step
  std::uint32_t timed_ = 0;
  double response_time_us_ = 0;
  double by_time_ = load::no_limit; // sessions a second
  instant next_step_{};
};

enum class urgency : std::uint8_t { emergency, in_dialog, fresh };

// RFC 4412 (Resource-Priority), RFC 3261 20.26 (Priority), RFC 5031 (urn:service:sos).
[[nodiscard]] bool is_emergency(const sip::message_view& request);

// At a proxy.
class admission {
public:
  static constexpr duration step{200ms};
  static constexpr duration stale{1s}; // a container that says nothing for so long does not count
  // A refusal is work too; what is above is ignored, and its client repeats it.
  static constexpr std::uint32_t refusals_max = 2'000; // a second

  enum class verdict : std::uint8_t { admit, refuse, ignore };

  void reported(const std::string& name, const load& told, instant now);
  void forget(const std::string& name) { containers_.erase(name); }

  // `random` decides who belongs to the share.
  [[nodiscard]] verdict decide(urgency how, std::uint64_t random, instant now);

  // Of new work: 1 is all of it. Also what RFC 7339 wants to know: 100 * (1 - share()) is `oc`.
  [[nodiscard]] double share() const { return share_; }
  [[nodiscard]] unsigned loss_percent() const;
  void on_tick(instant now);

private:
  struct container {
    load told;
    instant at;
  };

  std::map<std::string, container> containers_;
  double demand_ = 0; // of the whole cluster, sessions a second
  double share_ = 1;
  instant next_step_{};
  event_rate refusals_;
};

} // namespace holdfast::cluster
