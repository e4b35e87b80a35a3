#include "protocol/cluster/token.hpp"

#include "protocol/core/base32.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/core/keyed_hash.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace holdfast::cluster {

namespace {

constexpr std::size_t body_size = 1 + 2 + 8;
constexpr std::size_t mac_size = 10;
constexpr std::size_t nonce_size = 8;
constexpr std::size_t seal_head = 1 + nonce_size; // key id and nonce

std::string body_of(std::uint8_t key, session_address address) {
  std::string body;
  body.push_back(static_cast<char>(key));
  for (int shift = 8; shift >= 0; shift -= 8)
    body.push_back(static_cast<char>((address.shard.value >> shift) & 0xff));
  for (int shift = 56; shift >= 0; shift -= 8)
    body.push_back(static_cast<char>((address.session.value >> shift) & 0xff));
  return body;
}

session_address address_of(std::string_view body) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(body[i]); };
  session_address address;
  address.shard.value = static_cast<std::uint16_t>((byte(1) << 8) | byte(2));
  for (std::size_t i = 3; i < body_size; ++i)
    address.session.value = (address.session.value << 8) | byte(i);
  return address;
}

// Counter mode: `text` and the hashes of nonce and number, byte by byte. It is its own inverse.
std::string ciphered(std::string_view secret, std::string_view nonce, std::string_view text) {
  const auto key = hmac_sha256(secret, "holdfast cipher");
  std::string out{text};
  for (std::size_t at = 0; at < out.size();) {
    std::string counted{nonce};
    counted.push_back(static_cast<char>(at / 32));
    for (const char k : hmac_sha256_digest(key, counted)) {
      if (at == out.size()) break;
      out[at] = static_cast<char>(out[at] ^ k);
      ++at;
    }
  }
  return out;
}

std::string seal_of(std::string_view secret, std::string_view sealed) {
  return hmac_sha256(hmac_sha256(secret, "holdfast seal"), sealed).substr(0, mac_size);
}

} // namespace

token_ring::token_ring(std::vector<token_key> keys) : keys_{std::move(keys)} {
  if (keys_.empty()) throw std::invalid_argument("a token ring needs a key");
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].secret.size() < 16) throw std::invalid_argument("a token key is under 16 bytes");
    for (std::size_t j = 0; j < i; ++j)
      if (keys_[i].id == keys_[j].id) throw std::invalid_argument("two token keys share an id");
  }
}

token_ring token_ring::from_cluster_key(std::string_view cluster_key) {
  return token_ring{{token_key{1, hmac_sha256(cluster_key, "holdfast token key 1")}}};
}

std::string token_ring::issue(session_address address) const {
  const auto body = body_of(keys_.front().id, address);
  return to_base32(body + mac(keys_.front(), body));
}

std::optional<session_address> token_ring::verify(std::string_view text) const {
  if (text.size() < token_length) return std::nullopt;
  std::array<char, body_size + mac_size> bytes{};
  if (!from_base32(text.substr(0, token_length), bytes.data(), bytes.size())) return std::nullopt;
  const std::string_view body{bytes.data(), body_size};
  const auto* key = key_of(body.front());
  if (key == nullptr) return std::nullopt;
  const auto made = hmac_sha256_digest(key->secret, body);
  const bool fits =
      equal_in_constant_time({made.data(), mac_size}, {bytes.data() + body_size, mac_size});
  sometimes<"token: a MAC does not fit">(!fits);
  if (!fits && !planted<"token-mac-is-not-checked">()) return std::nullopt;
  return address_of(body);
}

const token_key* token_ring::key_of(char id) const {
  const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const token_key& k) {
    return k.id == static_cast<std::uint8_t>(id);
  });
  return key == keys_.end() ? nullptr : &*key;
}

std::string token_ring::conceal(std::string_view text, std::uint64_t nonce) const {
  const auto& key = keys_.front();
  std::string out(1, static_cast<char>(key.id));
  for (std::size_t i = 0; i < nonce_size; ++i)
    out.push_back(static_cast<char>(nonce >> (8 * (nonce_size - 1 - i)) & 0xff));
  out += ciphered(key.secret, std::string_view{out}.substr(1), text);
  return to_base32(out + seal_of(key.secret, out));
}

std::optional<std::string> token_ring::reveal(std::string_view concealed) const {
  const auto bytes = from_base32(concealed);
  if (!bytes || bytes->size() < seal_head + mac_size) return std::nullopt;
  const auto sealed = std::string_view{*bytes}.substr(0, bytes->size() - mac_size);
  const auto* key = key_of(sealed.front());
  if (key == nullptr
      || !equal_in_constant_time(seal_of(key->secret, sealed),
                                 std::string_view{*bytes}.substr(sealed.size())))
    return std::nullopt;
  return ciphered(key->secret, sealed.substr(1, nonce_size), sealed.substr(seal_head));
}

std::string token_ring::mac(const token_key& key, std::string_view body) const {
  return hmac_sha256(key.secret, body).substr(0, mac_size);
}

} // namespace holdfast::cluster
