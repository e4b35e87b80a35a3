// The numbers of an exercise: how long calls were deaf after the fault, and the SIP performance
// metrics of RFC 6076, as the caller sees them.
#pragma once

#include "runtime/exercise/judge.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace holdfast::exercise {

struct distribution {
  std::size_t count = 0;
  double p50 = 0; // milliseconds, nearest rank
  double p99 = 0;
  double max = 0;
};

[[nodiscard]] distribution distribution_of(std::vector<duration> samples);

// How often T1 had to help. Deliberate repeats are not counted.
struct retransmissions {
  std::size_t requests_before_fault = 0;
  std::size_t requests = 0;               // in all
  std::size_t successes_before_fault = 0; // 2xx to INVITE
  std::size_t successes = 0;
};

struct figures {
  std::size_t placed = 0;
  std::size_t established = 0;
  std::size_t cancelled = 0; // by the caller, and answered 487
  std::size_t deferred = 0;  // requests in a dialog that were asked to come again
  std::size_t unasked = 0;   // re-INVITEs that came and no end of ours had sent
  distribution gap;          // only calls that were stable at the fault
  distribution srd;          // RFC 6076 4.3.1: INVITE to the first response but 100
  distribution sdd;          // RFC 6076 4.5: BYE to its final response
  double ser = 0; // RFC 6076 4.6: percent of INVITEs, 3xx and 487 left out, that had a 200
  double isa = 0; // RFC 6076 4.8: percent of INVITEs that had 408, 500, 503, 504
  retransmissions repeats;
};

// From the first request in a dialog at or after the fault until the 2xx to it, retransmissions
// and retries included; nullopt: not stable, nothing sent, or no 2xx.
[[nodiscard]] std::optional<duration> gap(const call_log& log, const circumstances& c);

// Of the calls with this value of call_log::extra.
[[nodiscard]] figures figures_of(const std::vector<call_log>& calls, bool extra,
                                 const circumstances& c);

} // namespace holdfast::exercise
