#include "protocol/session/authentication.hpp"

#include "protocol/core/base32.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

constexpr std::size_t stamp_bytes = 16; // time and random, 8 each
constexpr std::size_t mac_bytes = 14;   // 30 in all: 48 characters
constexpr std::uint32_t window = 64;

std::string big_endian(std::uint64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  return bytes;
}

std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

bool among(const std::vector<std::string>& list, std::string_view what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

bool is_hash(std::string_view text, hash_algorithm algorithm) {
  const std::size_t length = algorithm == hash_algorithm::md5 ? 32 : 64;
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == text.npos;
}

result<account> parse_account(std::string_view line) {
  std::vector<std::string> parts{""};
  for (const char c : line) {
    if (c == ':')
      parts.emplace_back();
    else
      parts.back().push_back(c);
  }
  if (parts.size() != 4 || parts[0].empty() || parts[1].empty())
    return fail("not user:realm:algorithm:hash");
  const auto algorithm = sip::hash_algorithm_of(parts[2]);
  if (parts[2].empty() || !algorithm)
    return fail("the algorithm is not SHA-256, SHA-512-256 or MD5");
  if (!is_hash(parts[3], *algorithm)) return fail("the hash does not fit the algorithm");
  return account{parts[0], parts[1], *algorithm, parts[3]};
}

} // namespace

result<std::vector<account>> parse_accounts(std::string_view text) {
  std::vector<account> list;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = sip::text::trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto content = line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
    if (content.empty() || content.front() == '#') continue;
    auto one = parse_account(content);
    if (!one) return fail("line " + std::to_string(number) + ": " + one.error().what);
    list.push_back(std::move(*one));
  }
  return list;
}

bool gatekeeper::trusts(std::string_view source_host) const {
  return among(trusted_hosts, source_host);
}

bool gatekeeper::asks(std::string_view method, std::string_view source_host) const {
  return method != "ACK" && method != "CANCEL" && !among(open_methods, method)
         && !trusts(source_host);
}

std::string gatekeeper::make_nonce(instant now, std::uint64_t random) const {
  const auto time = static_cast<std::uint64_t>(now.time_since_epoch().count());
  auto bytes = big_endian(time) + big_endian(random);
  bytes += hmac_sha256(nonce_key, bytes).substr(0, mac_bytes);
  return to_base32(bytes);
}

bool gatekeeper::genuine(std::string_view nonce, instant now) const {
  const auto bytes = from_base32(nonce);
  if (!bytes || bytes->size() != stamp_bytes + mac_bytes) return false;
  if (to_base32(*bytes) != nonce) return false; // what is counted is the text: one of each
  const auto mac = hmac_sha256(nonce_key, bytes->substr(0, stamp_bytes)).substr(0, mac_bytes);
  if (!equal_in_constant_time(mac, bytes->substr(stamp_bytes))) return false;
  const auto time = static_cast<std::int64_t>(from_big_endian(bytes->substr(0, 8)));
  const auto age = now.time_since_epoch() - duration{time};
  return age >= duration{} && age <= nonce_lifetime;
}

bool gatekeeper::proves(const sip::credentials& given, std::string_view method,
                        std::string_view body) const {
  // Somebody who does not exist has a hash too: it is computed and compared like any other.
  std::string ha1 = hex_digest(given.algorithm, nonce_key + given.username);
  bool exists = false;
  for (const auto& each : accounts) {
    if (each.user != given.username || each.realm != given.realm
        || each.algorithm != given.algorithm)
      continue;
    ha1 = each.ha1;
    exists = true;
  }
  const bool offered =
      std::find(algorithms.begin(), algorithms.end(), given.algorithm) != algorithms.end();
  const auto expected = sip::response_of(given, ha1, method, body);
  return equal_in_constant_time(expected, given.response) && exists && offered
         && !given.qop.empty();
}

std::vector<std::string> gatekeeper::challenges(const std::string& nonce, bool stale) const {
  std::vector<std::string> list;
  for (const auto algorithm : algorithms)
    list.push_back(sip::to_string(sip::challenge{.realm = realm,
                                                 .nonce = nonce,
                                                 .opaque = {},
                                                 .algorithm = algorithm,
                                                 .auth = true,
                                                 .auth_int = true,
                                                 .stale = stale}));
  return list;
}

void nonce_table::issued(std::string nonce, instant until) {
  if (entries_.size() >= nonces_max) entries_.erase(entries_.begin());
  entries_.push_back({.nonce = std::move(nonce), .until = until});
}

void nonce_table::forget_expired(instant now) {
  std::erase_if(entries_, [&](const entry& e) { return e.until <= now; });
}

std::optional<instant> nonce_table::needed_until() const {
  std::optional<instant> last;
  for (const auto& e : entries_) last = std::max(last.value_or(e.until), e.until);
  return last;
}

nonce_table::verdict nonce_table::use(std::string_view nonce, std::uint32_t count) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const entry& e) { return e.nonce == nonce; });
  if (found == entries_.end()) return verdict::unknown;
  if (count == 0) return verdict::replayed; // RFC 7616 3.4: counts begin at 1
  auto& e = *found;
  if (count > e.highest) {
    const auto step = count - e.highest;
    e.seen = (step >= window ? 0 : e.seen << step) | 1U;
    e.highest = count;
    return verdict::fresh;
  }
  const auto below = e.highest - count;
  if (below >= window || (e.seen >> below & 1U) != 0) return verdict::replayed;
  e.seen |= std::uint64_t{1} << below;
  return verdict::fresh;
}

} // namespace holdfast::session
