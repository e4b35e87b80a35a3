// One end of a call as its user agent knows it: the dialog (RFC 3261 section 12), and when what
// happened. A value; the user agent moves it.
#pragma once

#include "protocol/core/time.hpp"
#include "simulations/plan/run_plan.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::simulations {

struct call_end {
  enum class phase : std::uint8_t {
    calling,  // INVITE sent, or received and not answered
    answered, // callee: 2xx sent, no ACK yet
    standing, // caller: 2xx acknowledged; callee: ACK received
    ended
  };

  unsigned number = 0;
  side at = side::caller;
  std::string agent;
  phase state = phase::calling;
  std::string call_id;
  std::string local_tag;
  std::string remote; // From or To of the other side, with its tag
  std::string remote_tag;
  std::string remote_target;
  std::vector<std::string> route_set; // RFC 3261 12.1; of calls through a proxy
  std::uint32_t cseq = 0;
  std::string invite_branch; // of the initial INVITE
  std::uint32_t invite_cseq = 0;

  instant began{};
  bool provisional = false;
  std::uint32_t pracked = 0;          // RSeq of the last reliable provisional
  int status = 0;                     // final, of the initial INVITE; 0: none
  std::optional<instant> answered_at; // caller: first 2xx; callee: 2xx sent
  std::optional<instant> stood_at;
  std::optional<instant> cancelled_at;
  std::optional<instant> silent_at; // it was cut off
  std::optional<instant> bye_sent_at;
  std::optional<instant> bye_answered_at;
  std::optional<instant> bye_received_at;
  int bye_status = 0;

  [[nodiscard]] bool in_call() const { return state == phase::standing; }
};

} // namespace holdfast::simulations
