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

bool from_base32(std::string_view text, char* bytes, std::size_t size) {
  if (text.size() * 5 / 8 != size) return false;
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const int digit = digit_of(c);
    if (digit < 0) return false;
    pending = (pending << 5) | static_cast<std::uint32_t>(digit);
    bits += 5;
    if (bits >= 8) {
      *bytes++ = static_cast<char>((pending >> (bits - 8)) & 0xff);
      bits -= 8;
    }
    pending &= (1u << bits) - 1;
  }
  return bits < 5 && pending == 0;
}

std::optional<std::string> from_base32(std::string_view text) {
  std::string bytes(text.size() * 5 / 8, '\0');
  if (!from_base32(text, bytes.data(), bytes.size())) return std::nullopt;
  return bytes;
}

} // namespace holdfast
