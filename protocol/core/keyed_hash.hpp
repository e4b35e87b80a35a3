// Hashes, HMAC-SHA256 and a constant-time comparison: the one place where protocol/ meets
// libcrypto.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// What SIP's digest authentication may use (RFC 8760). MD5 is for peers that know nothing else.
enum class hash_algorithm : std::uint8_t { md5 = 1, sha_256 = 2, sha_512_256 = 3 };

// In lowercase hexadecimal: 32 characters for MD5, 64 for the others.
[[nodiscard]] std::string hex_digest(hash_algorithm algorithm, std::string_view message);

// 32 bytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view message);

// The same without an allocation, for what is checked with every message.
[[nodiscard]] std::array<char, 32> hmac_sha256_digest(std::string_view key,
                                                      std::string_view message);

// Takes the same time wherever two strings of equal length differ.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

} // namespace holdfast
