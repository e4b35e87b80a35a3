// What two user agents saw of one call: the only thing the judge looks at.
//
//   caller ----(cluster)---- callee
//     |  sent / received       |  sent / received        one observation per datagram and end
//     +-----> call_log <-------+
//
// A callee that is not ours (a user in the URI) leaves only the caller's half.
#pragma once

#include "protocol/core/time.hpp"
#include "protocol/sip/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::exercise {

enum class party : std::uint8_t { caller, callee };
enum class way : std::uint8_t { sent, received };

[[nodiscard]] constexpr party other(party p) {
  return p == party::caller ? party::callee : party::caller;
}
[[nodiscard]] std::string_view to_string(party p);

// One datagram at one end, reduced to what the rules ask about.
struct observation {
  instant at;
  party who = party::caller;
  way direction = way::sent;
  bool deliberate = false; // a repeat we made without need, to see it answered
  int status = 0;          // 0: a request
  std::uint32_t cseq = 0;
  std::string method; // of the CSeq
  std::string branch;
  std::string call_id;
  std::string from_tag;
  std::string to_tag;
  std::string contact;      // text of the first URI; empty: none
  std::string record_route; // all values, joined
  std::string origin;       // the o= line of an SDP body, without "o="
  std::string exercise_id;  // exercise_id.hpp; requests of ours only
  bool retry_after = false;

  [[nodiscard]] bool is_request() const { return status == 0; }
  [[nodiscard]] bool is_final() const { return status >= 200; }
  [[nodiscard]] bool is_success() const { return status >= 200 && status < 300; }
  // Same transaction seen from the same end (RFC 3261 17.1.3).
  [[nodiscard]] bool same_transaction(const observation& o) const {
    return who == o.who && branch == o.branch && method == o.method;
  }
};

[[nodiscard]] observation observe(const sip::message& m, party who, way direction, instant now);

// "INVITE", "200 (BYE)".
[[nodiscard]] std::string label(const observation& o);

// What one end believes about the call.
enum class belief : std::uint8_t { nothing, early, answered, established, ended };

[[nodiscard]] std::string_view to_string(belief b);

struct call_log {
  std::uint32_t number = 0;
  bool extra = false;           // placed after the fault
  bool stable_at_fault = false; // ACK sent and received, no BYE, when the fault began
  bool callee_is_ours = true;
  belief caller = belief::nothing;
  belief callee = belief::nothing;
  std::optional<instant> established_at; // at every end that is ours
  std::vector<observation> seen;         // in the order of time

  [[nodiscard]] belief of(party p) const { return p == party::caller ? caller : callee; }
  [[nodiscard]] std::string call_id() const; // the caller's
};

} // namespace holdfast::exercise
