// What one exercise is to do: the flags of the command line, as values.
#pragma once

#include "protocol/core/flow.hpp"
#include "protocol/core/time.hpp"
#include "protocol/sip/message.hpp"
#include "protocol/sip/transaction.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::exercise {

enum class probe_kind : std::uint8_t { info, reinvite, options, update, mix };
enum class hang_up_side : std::uint8_t { caller, callee, both };
enum class header_place : std::uint8_t { invite, in_dialog, both };

struct plan {
  // Who is called. Without own callees `target_uri` is called and answers by itself.
  std::string target_uri;  // "sip:answer@127.0.0.1:5060"
  std::string target_host; // its host and port as text: the domain of our callees
  bool own_callees = true;
  bool registers = true;           // false: --direct
  endpoint target;                 // numeric
  transport over = transport::udp; // or tcp
  endpoint caller_address;         // of our two sockets
  endpoint callee_address;
  std::uint32_t callees = 0; // 0: min(calls, 200)
  std::uint32_t expires_s = 120;
  std::string password; // of all our users, for digest authentication; empty: none

  std::uint32_t calls = 100;
  double rate = 50; // calls per second
  duration hold{5s};
  duration ring{50ms};
  probe_kind probe = probe_kind::info;
  duration probe_window{2s}; // after the fault, over which every call is probed once
  hang_up_side bye = hang_up_side::both;
  std::uint32_t repeat_success_every = 10; // 0: never
  std::uint32_t cancel_every = 0;          // half-way through the ringing; 0: never
  std::optional<sip::header_field> header; // on every header_every-th call
  std::uint32_t header_every = 0;
  header_place header_on = header_place::both;

  bool fault = false; // order one when all calls are established, and probe all of them after it
  duration settle{1s};
  std::optional<duration> fault_after; // or so long after the first call, whatever happens then
  std::uint32_t extra_calls = 0;

  duration timeout{}; // 0: from the other values
  std::uint64_t seed = 0;
  sip::timer_values timers;
};

// Above it a run that behaves is over by itself.
[[nodiscard]] duration default_timeout(const plan& p);

} // namespace holdfast::exercise
