#include "protocol/applications/referrals.hpp"

#include "protocol/sip/params.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::applications {

void referrals::passed_on(const referral& made) {
  if (kept_.size() >= kept_max) kept_.erase(kept_.begin());
  kept_.push_back(made);
}

void referrals::answered(dialog_id from, std::uint32_t asked, const sip::message& response) {
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const referral& r) {
    return r.from == from && r.asked == asked;
  });
  if (found == kept_.end() || response.status < 200) return;
  if (response.status >= 300)
    kept_.erase(found);
  else if (const auto cseq = response.cseq())
    found->passed = cseq->number;
}

std::string referrals::translated(dialog_id dialog, std::string_view event) const {
  const auto semicolon = event.find(';');
  const auto package = sip::text::trim(event.substr(0, semicolon));
  if (semicolon == event.npos || !sip::text::same(package, "refer")) return std::string{event};
  auto params = sip::parse_params(event.substr(semicolon));
  if (!params) return std::string{event};
  const auto id = sip::param_value(*params, "id");
  for (const auto& r : kept_) {
    const bool backwards = r.to == dialog && id == std::to_string(r.passed);
    if (!backwards && (r.from != dialog || id != std::to_string(r.asked))) continue;
    sip::set_param(*params, "id", std::to_string(backwards ? r.asked : r.passed));
    return std::string{package} + sip::to_string(*params);
  }
  return std::string{event};
}

} // namespace holdfast::applications
