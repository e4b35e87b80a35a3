#include "protocol/core/base32.hpp"

#include <cstdint>

namespace holdfast {

namespace {

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";

int digit_of(char c) {
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= '2' && c <= '7') return c - '2' + 26;
  return -1;
}

} // namespace

std::string to_base32(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 8 + 4) / 5);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char c : bytes) {
    pending = (pending << 8) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 5; bits -= 5) text.push_back(alphabet[(pending >> (bits - 5)) & 31]);
    pending &= (1u << bits) - 1;
  }
  if (bits > 0) text.push_back(alphabet[(pending << (5 - bits)) & 31]);
  return text;
}

std::optional<std::string> from_base32(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 5 / 8);
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const int digit = digit_of(c);
    if (digit < 0) return std::nullopt;
    pending = (pending << 5) | static_cast<std::uint32_t>(digit);
    bits += 5;
    if (bits >= 8) {
      bytes.push_back(static_cast<char>((pending >> (bits - 8)) & 0xff));
      bits -= 8;
    }
    pending &= (1u << bits) - 1;
  }
  if (bits >= 5 || pending != 0) return std::nullopt;
  return bytes;
}

} // namespace holdfast
