// OpenSSL 3 offers SHA-256 without an allocation only in its older interface.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "protocol/core/keyed_hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace holdfast {

namespace {

const EVP_MD* evp_of(hash_algorithm algorithm) {
  switch (algorithm) {
  case hash_algorithm::md5:
    return EVP_md5();
  case hash_algorithm::sha_256:
    return EVP_sha256();
  case hash_algorithm::sha_512_256:
    return EVP_sha512_256();
  }
  throw std::invalid_argument("there is no such hash algorithm");
}

constexpr std::size_t block_size = 64;
using digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

// One half of RFC 2104: H(key XOR pad, text).
digest keyed(const std::array<unsigned char, block_size>& key, std::uint8_t pad, const void* text,
             std::size_t size) {
  auto padded = key;
  for (auto& byte : padded) byte = static_cast<unsigned char>(byte ^ pad);
  digest out;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, padded.data(), padded.size());
  SHA256_Update(&context, text, size);
  SHA256_Final(out.data(), &context);
  OPENSSL_cleanse(padded.data(), padded.size());
  return out;
}

} // namespace

std::string hex_digest(hash_algorithm algorithm, std::string_view message) {
  static constexpr char digits[] = "0123456789abcdef";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (EVP_Digest(message.data(), message.size(), digest, &length, evp_of(algorithm), nullptr) != 1)
    throw std::runtime_error("this libcrypto refuses the hash algorithm");
  std::string text;
  text.reserve(2 * length);
  for (unsigned i = 0; i < length; ++i) {
    text.push_back(digits[digest[i] >> 4U]);
    text.push_back(digits[digest[i] & 15U]);
  }
  return text;
}

std::array<char, 32> hmac_sha256_digest(std::string_view key, std::string_view message) {
  std::array<unsigned char, block_size> block{};
  if (key.size() <= block_size)
    std::copy(key.begin(), key.end(), block.begin());
  else
    SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), block.data());
  const auto inner = keyed(block, 0x36, message.data(), message.size());
  const auto outer = keyed(block, 0x5c, inner.data(), inner.size());
  OPENSSL_cleanse(block.data(), block.size());
  std::array<char, 32> out;
  std::transform(outer.begin(), outer.end(), out.begin(),
                 [](unsigned char byte) { return static_cast<char>(byte); });
  return out;
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  const auto made = hmac_sha256_digest(key, message);
  return {made.begin(), made.end()};
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace holdfast
