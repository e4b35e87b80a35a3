// A user agent's side of digest authentication (RFC 3261 22.2): it learns of a realm by being
// asked, and sends credentials along from then on, counting the uses of the nonce.
#pragma once

#include "protocol/sip/digest.hpp"
#include "protocol/sip/message.hpp"
#include "runtime/exercise/name_source.hpp"

#include <optional>
#include <string>

namespace holdfast::exercise {

class credentials {
public:
  // Empty: a user agent that answers no challenge.
  explicit credentials(std::string password = {}) : password_{std::move(password)} {}

  // A refusal that asks for credentials. True: send the request again, with a higher CSeq and
  // authorize(). False: it asks for nothing we have, or refuses what we sent.
  bool take(const sip::message& refusal);

  // Adds them to a complete request, if we know what to add; the user is the one in From.
  void authorize(sip::message& request, name_source& names);

private:
  std::string password_;
  std::optional<sip::challenge> asked_;
  bool by_proxy_ = false;
  bool sent_ = false; // with the nonce at hand
  std::uint32_t nonce_count_ = 0;
};

} // namespace holdfast::exercise
