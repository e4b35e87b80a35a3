// Who may use us, and how we prove who we are: the accounts of digest authentication and the life
// of a nonce (RFC 3261 section 22, RFC 7616, RFC 8760).
//
//   nonce = time | random | MAC under a key of the cluster
//
// Any node can tell a nonce of ours from a foreign one, and its age. How often it was used is known
// to the session that issued it, and a user's other calls ask the session of its address of record.
// The counts are in no snapshot: after a failover the nonce is unknown and the answer is
// stale=true, upon which a client tries again without asking anybody (RFC 7616 3.3).
#pragma once

#include "protocol/core/codec.hpp"
#include "protocol/core/keyed_hash.hpp"
#include "protocol/core/result.hpp"
#include "protocol/core/time.hpp"
#include "protocol/sip/digest.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::session {

// H(user:realm:password): enough to prove and to check, in one realm and one algorithm.
struct account {
  std::string user;
  std::string realm;
  hash_algorithm algorithm = hash_algorithm::sha_256;
  std::string ha1; // lowercase hexadecimal; never logged
};

// One account a line, "user:realm:algorithm:hash"; empty lines and lines that begin with # are
// skipped. Error: the first bad line by its number (never its content).
[[nodiscard]] result<std::vector<account>> parse_accounts(std::string_view text);

// Of a server: whom it asks for credentials, and what it takes.
struct gatekeeper {
  std::string realm;
  std::string nonce_key; // the same on every node; never logged
  std::vector<hash_algorithm> algorithms{hash_algorithm::sha_256, hash_algorithm::sha_512_256};
  std::vector<account> accounts;
  std::vector<std::string> open_methods;    // not challenged
  std::vector<std::string> trusted_hosts{}; // addresses whose requests are not challenged: trunks
  duration nonce_lifetime{300s};

  // Challenges this request at all? ACK and CANCEL never (RFC 3261 22.1).
  [[nodiscard]] bool asks(std::string_view method, std::string_view source_host) const;
  [[nodiscard]] bool trusts(std::string_view source_host) const;

  [[nodiscard]] std::string make_nonce(instant now, std::uint64_t random) const;
  // Ours, and no older than its lifetime.
  [[nodiscard]] bool genuine(std::string_view nonce, instant now) const;

  // Is this response right? Takes the same time and the same way whether the user exists or not.
  [[nodiscard]] bool proves(const sip::credentials& given, std::string_view method,
                            std::string_view body) const;

  // One challenge per algorithm, the best first (RFC 8760 2.3), as header values.
  [[nodiscard]] std::vector<std::string> challenges(const std::string& nonce, bool stale) const;
};

// The nonces that one session issued, and which counts have been seen with each.
class nonce_table {
public:
  static constexpr std::size_t nonces_max = 16; // the oldest is forgotten: stale=true

  enum class verdict : std::uint8_t { fresh = 1, replayed = 2, unknown = 3 };

  void issued(std::string nonce, instant until);
  void forget_expired(instant now);
  // When the last one expires; nullopt: there is none.
  [[nodiscard]] std::optional<instant> needed_until() const;
  // `fresh` at most once per nonce and count. Counts may come in another order than they were made:
  // 64 below the highest are told apart, older ones count as replayed.
  [[nodiscard]] verdict use(std::string_view nonce, std::uint32_t count);

private:
  struct entry {
    std::string nonce;
    instant until;
    std::uint32_t highest = 0;
    std::uint64_t seen = 0; // bit n: highest - n was used
  };

  std::vector<entry> entries_; // oldest first
};

// From the session of a call to that of the caller's address of record, and back.
struct nonce_question {
  std::string nonce;
  std::uint32_t count = 0;
};

template <class F>
void describe(F& f, nonce_question& x) {
  f(1, x.nonce);
  f(2, x.count);
}

struct nonce_answer {
  nonce_table::verdict verdict = nonce_table::verdict::unknown;
};

template <class F>
void describe(F& f, nonce_answer& x) {
  f(1, x.verdict);
}

} // namespace holdfast::session
