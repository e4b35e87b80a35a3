// The subscriptions that REFER makes in a call of the b2bua. One is named by the CSeq of its REFER
// ("Event: refer;id=93809824", RFC 3515 2.4.6), and a REFER has another CSeq on either side:
//
//   REFER, CSeq 5      ------>  b2bua  ------>  REFER, CSeq 12
//   NOTIFY, refer;id=5 <------         <------  NOTIFY, refer;id=12
//   SUBSCRIBE, ;id=5   ------>         ------>  SUBSCRIBE, ;id=12
#pragma once

#include "protocol/applications/application.hpp"
#include "protocol/sip/message.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::applications {

struct referral {
  dialog_id from; // in which REFER came, with that CSeq
  std::uint32_t asked = 0;
  dialog_id to; // in which it was passed on
  std::uint32_t passed = 0;
};

template <class F>
void describe(F& f, referral& x) {
  f(1, x.from);
  f(2, x.asked);
  f(3, x.to);
  f(4, x.passed);
}

class referrals {
public:
  static constexpr std::size_t kept_max = 16; // of a call; the oldest go first

  void passed_on(const referral& made);
  // A response to a REFER in `from` whose CSeq there was `asked`. Passed with credentials it had
  // one more CSeq; refused it makes no subscription (RFC 3515 2.4.4).
  void answered(dialog_id from, std::uint32_t asked, const sip::message& response);
  // Event of a request that came in `dialog`, as the other side names it; any other than "refer"
  // with an id that we know: as it is.
  [[nodiscard]] std::string translated(dialog_id dialog, std::string_view event) const;

  template <class F>
  friend void describe(F& f, referrals& x) {
    f(1, x.kept_);
  }

private:
  std::vector<referral> kept_;
};

} // namespace holdfast::applications
