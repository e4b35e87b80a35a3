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
  const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const token_key& k) {
    return k.id == static_cast<std::uint8_t>(body.front());
  });
  if (key == keys_.end()) return std::nullopt;
  const auto made = hmac_sha256_digest(key->secret, body);
  const bool fits =
      equal_in_constant_time({made.data(), mac_size}, {bytes.data() + body_size, mac_size});
  sometimes<"token: a MAC does not fit">(!fits);
  if (!fits && !planted<"token-mac-is-not-checked">()) return std::nullopt;
  return address_of(body);
}

std::string token_ring::mac(const token_key& key, std::string_view body) const {
  return hmac_sha256(key.secret, body).substr(0, mac_size);
}

} // namespace holdfast::cluster
