// A dialog (RFC 3261 section 12) as a value: the state two user agents share, seen from one of
// them.
//
//   make_uac_dialog / make_uas_dialog --> early --2xx--> confirmed --BYE, 481, 408--> terminated
//
// It makes requests and judges what comes in; transactions and timers are elsewhere.
#pragma once

#include "protocol/core/result.hpp"
#include "protocol/sip/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sip {

enum class dialog_state : std::uint8_t { early, confirmed, terminated };
enum class dialog_role : std::uint8_t { uac, uas }; // of the request that made the dialog

struct dialog {
  std::string call_id;
  std::string local_tag;
  std::string remote_tag; // may be empty: an RFC 2543 peer
  std::string local_uri;  // text of the URI, no display name
  std::string remote_uri;
  std::uint32_t local_cseq = 0;   // of the last request we made; 0: none yet
  std::uint32_t cseq_ceiling = 0; // reserve()
  std::optional<std::uint32_t> remote_cseq;
  std::string remote_target;          // text of a URI
  std::vector<std::string> route_set; // text of URIs, first hop first
  dialog_state state = dialog_state::early;
  dialog_role role = dialog_role::uac;
  bool secure = false; // made by a sips request: targets must be sips

  // The next request of this method (RFC 3261 12.2.1.1). Fills Request-URI, Route, From, To,
  // Call-ID and CSeq (the next local number). Via, Max-Forwards, Contact and body are the caller's.
  // Not for ACK and CANCEL: see make_ack() and make_cancel().
  [[nodiscard]] message make_request(std::string_view method);

  // The ACK to a 2xx (RFC 3261 13.2.2.4) for the INVITE with that CSeq number; filled likewise.
  // Credentials of the INVITE are the caller's to copy.
  [[nodiscard]] message make_ack(std::uint32_t invite_cseq) const;

  // Text of the URI the next request is sent to: first route, or the remote target.
  [[nodiscard]] std::string next_hop() const;

  // A request inside this dialog (RFC 3261 12.2.2): takes its CSeq, and the Contact of a target
  // refresh. nullopt: accepted; otherwise the status to answer it with and nothing has changed
  // (500: CSeq lower than one before; 481: terminated). ACK and CANCEL are never judged by number.
  // A BYE is accepted; that the dialog ends with it is terminate(), when the 200 is made.
  [[nodiscard]] std::optional<int> on_request(const message& request);

  // A response to a request of ours in this dialog, or to the one that made it (RFC 3261 12.2.1.2,
  // 13.2.2.4): 2xx confirms and takes route set (early only) and target; 481, 408 and a final
  // response to BYE other than a challenge terminate; a failure to the INVITE that made it
  // terminates an early dialog.
  void on_response(const message& response);

  // The UAS side has sent its 2xx.
  void confirm();
  void terminate() { state = dialog_state::terminated; }

  // RFC 3261 12.2.2: Call-ID, To-tag and From-tag of a request that came in...
  [[nodiscard]] bool matches_request(const message& request) const;
  // ... or of a response to one of ours.
  [[nodiscard]] bool matches_response(const message& response) const;

  // Before a snapshot: promises that `count` more requests may be made before the next one. A
  // restored dialog calls restart_at_ceiling() and is above all it may have sent; gaps are legal.
  void reserve(std::uint32_t count);
  void restart_at_ceiling();
  // The next make_request() would leave what the last snapshot reserved.
  [[nodiscard]] bool reservation_used_up() const { return local_cseq >= cseq_ceiling; }

  friend bool operator==(const dialog&, const dialog&) = default;
};

// RFC 3261 12.1.2: from the request we sent and a 101..299 with a To-tag. Errors: no tag, a Contact
// that is missing or unreadable in a 2xx (an early dialog without one targets the Request-URI).
[[nodiscard]] result<dialog> make_uac_dialog(const message& request, const message& response);

// RFC 3261 12.1.1: from the request that came and the response (101..299, with our To-tag) we send.
// Error: no Contact in the request, no To-tag in the response.
[[nodiscard]] result<dialog> make_uas_dialog(const message& request, const message& response);

template <class F>
void describe(F& f, dialog& x) {
  f(1, x.call_id);
  f(2, x.local_tag);
  f(3, x.remote_tag);
  f(4, x.local_uri);
  f(5, x.remote_uri);
  f(6, x.local_cseq);
  f(7, x.cseq_ceiling);
  f(8, x.remote_cseq);
  f(9, x.remote_target);
  f(10, x.route_set);
  f(11, x.state);
  f(12, x.role);
  f(13, x.secure);
}

} // namespace holdfast::sip
