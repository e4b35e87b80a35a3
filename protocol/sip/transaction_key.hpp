// How a message finds its transaction: RFC 3261 17.1.3 (responses) and 17.2.3 (requests).
#pragma once

#include "protocol/core/result.hpp"
#include "protocol/sip/message.hpp"

#include <compare>
#include <functional>
#include <string>

namespace holdfast::sip {

struct transaction_key {
  std::string text; // opaque

  friend auto operator<=>(const transaction_key&, const transaction_key&) = default;
};

// Branch, sent-by and method; an ACK has the key of its INVITE, a CANCEL one of its own. Without
// the magic cookie: Request-URI, From-tag, Call-ID, CSeq number, top Via and method. The To-tag
// that 17.2.3 compares as well is left out: it would keep the ACK from its INVITE.
[[nodiscard]] result<transaction_key> server_key(const message& request);

// The INVITE that a CANCEL is for (RFC 3261 9.2).
[[nodiscard]] result<transaction_key> cancelled_key(const message& cancel);

// Branch of the top Via and CSeq method: of a response, or of the request that we sent.
[[nodiscard]] result<transaction_key> client_key(const message& m);

template <class F>
void describe(F& f, transaction_key& x) {
  f(1, x.text);
}

} // namespace holdfast::sip

template <>
struct std::hash<holdfast::sip::transaction_key> {
  std::size_t operator()(const holdfast::sip::transaction_key& k) const noexcept {
    return std::hash<std::string>{}(k.text);
  }
};
