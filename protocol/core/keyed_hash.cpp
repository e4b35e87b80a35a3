#include "protocol/core/keyed_hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

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

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::string digest(32, '\0');
  unsigned length = 0;
  const auto* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                          reinterpret_cast<unsigned char*>(digest.data()), &length);
  if (made == nullptr || length != digest.size()) throw std::runtime_error("HMAC-SHA256 failed");
  return digest;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace holdfast
