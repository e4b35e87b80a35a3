// Digest authentication (RFC 3261 section 22 with RFC 8760, after RFC 7616): the two header fields
// and the arithmetic, for both sides. Who is asked, which nonce is good and how often it was used
// is decided by their users (session/authentication.hpp).
//
//   401 WWW-Authenticate / 407 Proxy-Authenticate:  challenge
//   Authorization / Proxy-Authorization:            credentials
#pragma once

#include "protocol/core/keyed_hash.hpp"
#include "protocol/core/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

// "MD5", "SHA-256", "SHA-512-256"; the spelling of RFC 8760.
[[nodiscard]] std::string_view to_string(hash_algorithm algorithm);
// Any case; nothing said is MD5 (RFC 2617). nullopt: one that is not spoken here ("MD5-sess").
[[nodiscard]] std::optional<hash_algorithm> hash_algorithm_of(std::string_view name);

struct challenge {
  std::string realm;
  std::string nonce;
  std::string opaque; // empty: none
  hash_algorithm algorithm = hash_algorithm::sha_256;
  bool auth = true;      // qop; neither: a peer of RFC 2069
  bool auth_int = false; // the body is protected too
  bool stale = false;    // the credentials were right, the nonce was not

  friend bool operator==(const challenge&, const challenge&) = default;
};

[[nodiscard]] std::string to_string(const challenge& c);
// Errors: another scheme than Digest, no realm or nonce, an algorithm or qop not spoken here.
[[nodiscard]] result<challenge> parse_challenge(std::string_view value);

struct credentials {
  std::string username;
  std::string realm;
  std::string nonce;
  std::string uri;
  std::string response; // lowercase hexadecimal
  std::string cnonce;   // empty without qop
  std::string opaque;
  std::string qop; // "auth", "auth-int"; empty: none
  hash_algorithm algorithm = hash_algorithm::md5;
  std::uint32_t nonce_count = 0;

  friend bool operator==(const credentials&, const credentials&) = default;
};

[[nodiscard]] std::string to_string(const credentials& c);
// Errors: as parse_challenge(); a missing username, uri or response; qop without nc and cnonce.
[[nodiscard]] result<credentials> parse_credentials(std::string_view value);

// H(user:realm:password) in hexadecimal: what a credentials file holds in place of the password.
[[nodiscard]] std::string ha1_of(hash_algorithm algorithm, std::string_view user,
                                 std::string_view realm, std::string_view password);

// What `response` of these credentials has to be (RFC 7616 3.4.1).
[[nodiscard]] std::string response_of(const credentials& c, std::string_view ha1,
                                      std::string_view method, std::string_view body);

// The credentials that answer a challenge. auth-int where the challenge offers nothing else.
[[nodiscard]] credentials answer_to(const challenge& c, std::string_view user, std::string_view ha1,
                                    std::string_view method, std::string_view uri,
                                    std::string_view body, std::string_view cnonce,
                                    std::uint32_t nonce_count);

} // namespace holdfast::sip
