// The token: the address of a session in a form that clients carry for us and cannot forge
// (design, "Shards, sessions, routing").
//
//   key id (1) | shard (2) | session id (8) | MAC (10)   -> 34 characters of lowercase base32
//
// It stands in our tags, in the user part of our Contact and in our Via branches. A proxy that
// knows nothing of a call reads from it where the call lives.
#pragma once

#include "protocol/core/identifiers.hpp"
#include "protocol/core/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cluster {

struct token_key {
  std::uint8_t id = 0;
  std::string secret; // at least 16 bytes; never logged
};

class token_ring {
public:
  static constexpr std::size_t token_length = 34;

  // The first key issues; all of them verify. Throws std::invalid_argument without a key, with two
  // keys of one id, or with a secret under 16 bytes.
  explicit token_ring(std::vector<token_key> keys);

  // The ring of a cluster whose only secret is its cluster key: one token key derived from it.
  [[nodiscard]] static token_ring from_cluster_key(std::string_view cluster_key);

  [[nodiscard]] std::string issue(session_address address) const;

  // Reads the first token_length characters of `text`; what follows them (a unique part, a dialog
  // number) is the caller's. nullopt: too short, not base32, unknown key or a MAC that does not
  // fit: then the text is somebody else's.
  [[nodiscard]] std::optional<session_address> verify(std::string_view text) const;

  // `text` so that nobody outside the cluster can read it, change it, or tell whether two that
  // differ in their nonce are of the same text: about 1.6 characters of lowercase base32 a byte,
  // and 31.
  [[nodiscard]] std::string conceal(std::string_view text, std::uint64_t nonce) const;
  // nullopt: not what conceal() made, or under a key that is gone.
  [[nodiscard]] std::optional<std::string> reveal(std::string_view concealed) const;

private:
  [[nodiscard]] const token_key* key_of(char id) const;
  [[nodiscard]] std::string mac(const token_key& key, std::string_view body) const;

  std::vector<token_key> keys_;
};

} // namespace holdfast::cluster
