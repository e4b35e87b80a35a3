// The judge: what the two ends of a call saw, against the rules they rely on. One function per
// rule, each a pure function of one call's log; none knows anything about the cluster.
#pragma once

#include "protocol/sip/transaction.hpp"
#include "runtime/exercise/call_log.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::exercise {

struct circumstances {
  std::optional<instant> fault_at;
  sip::timer_values timers;
};

struct complaint {
  instant at; // of the message it is about
  std::string text;
};
using complaints = std::vector<complaint>;

// RFC 3261 17.1.1.2, 17.1.2.2: every request has a final response within 64*T1; an INVITE with a
// provisional one has it at all.
[[nodiscard]] complaints answered(const call_log& log, const circumstances& c);
// RFC 3261 12.2.1, 13.2.2, 15.1: it is a 2xx; or a 491, or a 500 or 503 with Retry-After, whose
// repetition had one (21.5.1); or what its caller's CANCEL made of it (9.1).
[[nodiscard]] complaints successful(const call_log& log, const circumstances& c);
// RFC 3261 12.2.1.1, 12.2.2: the CSeq of each new request in a dialog is higher than all before.
[[nodiscard]] complaints cseq_grows(const call_log& log, const circumstances& c);
// RFC 3261 12: Call-ID and tags of a confirmed dialog never change.
[[nodiscard]] complaints dialog_id_kept(const call_log& log, const circumstances& c);
// RFC 3261 12.2: a route set never changes; Record-Routes in the dialog repeat the first ones.
[[nodiscard]] complaints route_set_kept(const call_log& log, const circumstances& c);
// RFC 3261 12.2.1.2: a target refresh may change the remote target; nobody here has a reason to.
[[nodiscard]] complaints target_kept(const call_log& log, const circumstances& c);
// RFC 3264 section 8: the o= line stays, but for a version that only grows.
[[nodiscard]] complaints origin_kept(const call_log& log, const circumstances& c);
// RFC 3261 13.2.2.4: every copy of a 2xx to INVITE is acknowledged; so the last one is.
[[nodiscard]] complaints success_acked(const call_log& log, const circumstances& c);
// RFC 3261 15.1: after the 2xx to a BYE no new request comes.
[[nodiscard]] complaints silent_after_bye(const call_log& log, const circumstances& c);
// RFC 3261 17.2.3, 8.2.2.2: what was sent once arrives as one transaction, never two; an INVITE
// or INFO that had a 2xx has arrived.
[[nodiscard]] complaints arrives_once(const call_log& log, const circumstances& c);
// RFC 3261 15: both ends are out of the call in the end, and nobody talked to nobody.
[[nodiscard]] complaints ends_agree(const call_log& log, const circumstances& c);
// RFC 3261 17.1.3: a response belongs to a request that was sent.
[[nodiscard]] complaints responses_match(const call_log& log, const circumstances& c);
// RFC 3261 17.2: one transaction, one final response, copies aside.
[[nodiscard]] complaints one_final(const call_log& log, const circumstances& c);

struct rule {
  std::string_view name;
  std::string_view source;
  complaints (*check)(const call_log&, const circumstances&);
};
[[nodiscard]] std::span<const rule> rules();

struct violation {
  std::string_view rule;
  std::string_view source;
  std::uint32_t call = 0; // its number
  std::string call_id;
  complaint what;
};

[[nodiscard]] std::vector<violation> judge(const call_log& log, const circumstances& c);

// Why a call that was stable when the fault began did not survive it (481, 408, another failure or
// silence to a request in the dialog; a BYE that no end of ours had asked for). nullopt: it did,
// or it was not stable.
[[nodiscard]] std::optional<std::string> lost(const call_log& log, const circumstances& c);

} // namespace holdfast::exercise
