// HMAC-SHA256 and a constant-time comparison: the one place where protocol/ meets libcrypto.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace holdfast {

// 32 bytes.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view message);

// The same without an allocation, for what is checked with every message.
[[nodiscard]] std::array<char, 32> hmac_sha256_digest(std::string_view key,
                                                      std::string_view message);

// Takes the same time wherever two strings of equal length differ.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

} // namespace holdfast
