#include "runtime/exercise/credentials.hpp"

namespace holdfast::exercise {

bool credentials::take(const sip::message& refusal) {
  if (password_.empty() || (refusal.status != 401 && refusal.status != 407)) return false;
  const bool by_proxy = refusal.status == 407;
  for (const auto value : refusal.headers(by_proxy ? "Proxy-Authenticate" : "WWW-Authenticate")) {
    auto challenge = sip::parse_challenge(value);
    if (!challenge) continue;
    if (sent_ && !challenge->stale) return false;
    asked_ = std::move(*challenge);
    by_proxy_ = by_proxy;
    sent_ = false;
    nonce_count_ = 0;
    return true;
  }
  return false;
}

void credentials::authorize(sip::message& request, name_source& names) {
  const auto from = request.from();
  if (!asked_ || !from) return;
  const auto& user = from->uri.user;
  const auto ha1 = sip::ha1_of(asked_->algorithm, user, asked_->realm, password_);
  request.set(by_proxy_ ? "Proxy-Authorization" : "Authorization",
              sip::to_string(sip::answer_to(*asked_, user, ha1, request.method, request.request_uri,
                                            request.body, names.name(), ++nonce_count_)));
  sent_ = true;
}

} // namespace holdfast::exercise
