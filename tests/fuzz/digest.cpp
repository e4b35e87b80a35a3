// Digest: challenges, credentials and accounts out of any text, nonces that others made up, and
// which counts of a nonce are good. What is read is written and read again as the same; whoever has
// not the key makes no nonce of ours; a count is fresh once.
#include "protocol/sip/digest.hpp"

#include "protocol/session/authentication.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <set>
#include <string>

using namespace holdfast;
using namespace holdfast::sip;
using fuzz::promise;

namespace {

constexpr instant now{1h};

session::gatekeeper keeper_with(const char* nonce_key) {
  return {.realm = "example.com",
          .nonce_key = nonce_key,
          .accounts = {{"alice", "example.com", hash_algorithm::sha_256,
                        ha1_of(hash_algorithm::sha_256, "alice", "example.com", "secret")}},
          .open_methods = {}};
}

const session::gatekeeper& keeper() {
  static const auto one = keeper_with("a key for nonces");
  return one;
}

// It makes no nonces: libFuzzer remembers those that keeper() compares.
const session::gatekeeper& stranger() {
  static const auto one = keeper_with("another key for nonces");
  return one;
}

void read_and_write(std::string_view text) {
  if (const auto c = parse_challenge(text)) {
    promise(parse_challenge(to_string(*c)) == c, "a challenge is written as it was read");
    auto made = answer_to(*c, "alice", ha1_of(c->algorithm, "alice", c->realm, "secret"), "INVITE",
                          "sip:bob@example.com", text, "cnonce", 1);
    promise(parse_credentials(to_string(made)) == made, "and can be answered");
  }
  if (const auto c = parse_credentials(text)) {
    promise(parse_credentials(to_string(*c)) == c, "credentials are written as they were read");
    promise(!stranger().genuine(c->nonce, now), "a nonce is not guessed");
    promise(!keeper().proves(*c, "INVITE", text), "a response is not guessed");
  }
  promise(!stranger().genuine(text, now), "a nonce is not guessed");
  if (const auto accounts = session::parse_accounts(text))
    for (const auto& a : *accounts)
      promise(!a.user.empty() && !a.realm.empty(), "an account is somebody's");
}

// One byte spoilt anywhere, and a nonce of ours is none.
void spoil(const std::uint8_t* data, std::size_t size) {
  const auto nonce = keeper().make_nonce(now, size * 0x9e3779b97f4a7c15ULL);
  promise(keeper().genuine(nonce, now), "our own nonce is genuine");
  auto spoilt = nonce;
  for (std::size_t i = 0; i + 1 < size && i < 8; i += 2)
    spoilt[data[i] % spoilt.size()] = static_cast<char>(data[i + 1]);
  promise(spoilt == nonce || !keeper().genuine(spoilt, now), "a spoilt nonce is not");
}

void use_counts(const std::uint8_t* data, std::size_t size) {
  session::nonce_table table;
  std::set<std::pair<unsigned, unsigned>> fresh;
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    const unsigned which = data[i] % 24;
    const auto nonce = std::to_string(which);
    using verdict = session::nonce_table::verdict;
    if (data[i] >= 0xc0) { // issued anew: it begins again where it had been forgotten
      if (table.use(nonce, 0) == verdict::unknown) {
        table.issued(nonce, now + 1min);
        std::erase_if(fresh, [&](const auto& f) { return f.first == which; });
      }
    } else if (table.use(nonce, data[i + 1]) == verdict::fresh) {
      promise(fresh.emplace(which, data[i + 1]).second, "a count is fresh once");
    }
  }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  switch (data[0] % 4) {
  case 0:
    use_counts(data + 1, size - 1);
    break;
  case 1:
    spoil(data + 1, size - 1);
    break;
  default:
    read_and_write(fuzz::text_of(data + 1, size - 1));
  }
  return 0;
}
