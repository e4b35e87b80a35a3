#include "protocol/sip/digest.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>

namespace holdfast::sip {

namespace {

constexpr std::array<std::pair<std::string_view, hash_algorithm>, 3> algorithms = {{
    {"MD5", hash_algorithm::md5},
    {"SHA-256", hash_algorithm::sha_256},
    {"SHA-512-256", hash_algorithm::sha_512_256},
}};

constexpr std::size_t nonce_count_digits = 8; // RFC 7616 3.4: exactly

std::string quoted(std::string_view text) {
  std::string out{"\""};
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + '"';
}

// nullopt: the quotes do not close where the value ends.
std::optional<std::string> unquoted(std::string_view value) {
  if (value.empty() || value.front() != '"') return std::string{value};
  std::string out;
  for (std::size_t i = 1; i < value.size(); ++i) {
    if (value[i] == '"') return i + 1 == value.size() ? std::optional{out} : std::nullopt;
    if (value[i] == '\\' && ++i == value.size()) break;
    out.push_back(value[i]);
  }
  return std::nullopt;
}

using values = std::map<std::string, std::string>;

// "Digest a=b, c="d, e"": names in lower case, values without their quotes. The first of two with
// one name would be ambiguous between us and whoever else reads it: an error.
result<values> read(std::string_view text) {
  text = text::trim(text);
  const auto blank = text.find_first_of(" \t");
  if (blank == text.npos || !text::same(text.substr(0, blank), "Digest"))
    return fail("the scheme is not Digest");
  values found;
  auto rest = text.substr(blank);
  while (!rest.empty()) {
    const auto comma = std::min(text::find_unquoted(rest, ','), rest.size());
    const auto one = text::trim(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (one.empty()) continue;
    const auto equals = one.find('=');
    const auto name = text::trim(one.substr(0, equals));
    if (equals == one.npos || !text::is_token(name)) return fail("not a list of name=value");
    auto value = unquoted(text::trim(one.substr(equals + 1)));
    if (!value) return fail("the quotes of " + std::string{name} + " do not close");
    if (!found.emplace(text::to_lower(name), std::move(*value)).second)
      return fail("two values for " + std::string{name});
  }
  return found;
}

std::string take(values& from, const std::string& name) {
  const auto found = from.find(name);
  return found == from.end() ? std::string{} : found->second;
}

std::optional<std::uint32_t> nonce_count_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (text.size() != nonce_count_digits || code != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

std::string nonce_count_text(std::uint32_t number) {
  std::string text(nonce_count_digits, '0');
  for (auto at = text.rbegin(); at != text.rend(); ++at, number >>= 4U)
    *at = "0123456789abcdef"[number & 15U];
  return text;
}

} // namespace

std::string_view to_string(hash_algorithm algorithm) {
  for (const auto& [name, each] : algorithms)
    if (each == algorithm) return name;
  return "";
}

std::optional<hash_algorithm> hash_algorithm_of(std::string_view name) {
  if (name.empty()) return hash_algorithm::md5;
  for (const auto& [known, each] : algorithms)
    if (text::same(known, name)) return each;
  return std::nullopt;
}

std::string to_string(const challenge& c) {
  auto text = "Digest realm=" + quoted(c.realm) + ", nonce=" + quoted(c.nonce);
  if (!c.opaque.empty()) text += ", opaque=" + quoted(c.opaque);
  text.append(", algorithm=").append(to_string(c.algorithm));
  if (c.auth || c.auth_int)
    text += c.auth && c.auth_int ? ", qop=\"auth,auth-int\""
                                 : (c.auth ? ", qop=\"auth\"" : ", qop=\"auth-int\"");
  if (c.stale) text += ", stale=true";
  return text;
}

result<challenge> parse_challenge(std::string_view value) {
  auto found = read(value);
  if (!found) return tl::make_unexpected(found.error());
  challenge c;
  c.realm = take(*found, "realm");
  c.nonce = take(*found, "nonce");
  c.opaque = take(*found, "opaque");
  c.stale = text::same(take(*found, "stale"), "true");
  if (found->count("realm") == 0 || c.nonce.empty()) return fail("no realm or no nonce");
  const auto algorithm = hash_algorithm_of(take(*found, "algorithm"));
  if (!algorithm) return fail("algorithm " + take(*found, "algorithm") + " is not spoken here");
  c.algorithm = *algorithm;
  c.auth = false;
  const auto offered = take(*found, "qop");
  std::string_view rest = offered;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto one = text::trim(rest.substr(0, comma));
    c.auth = c.auth || text::same(one, "auth");
    c.auth_int = c.auth_int || text::same(one, "auth-int");
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  if (!offered.empty() && !c.auth && !c.auth_int) return fail("qop " + offered);
  return c;
}

std::string to_string(const credentials& c) {
  auto text = "Digest username=" + quoted(c.username) + ", realm=" + quoted(c.realm) + ", nonce="
              + quoted(c.nonce) + ", uri=" + quoted(c.uri) + ", response=" + quoted(c.response);
  text.append(", algorithm=").append(to_string(c.algorithm));
  if (!c.opaque.empty()) text += ", opaque=" + quoted(c.opaque);
  if (!c.qop.empty())
    text += ", qop=" + c.qop + ", nc=" + nonce_count_text(c.nonce_count)
            + ", cnonce=" + quoted(c.cnonce);
  return text;
}

result<credentials> parse_credentials(std::string_view value) {
  auto found = read(value);
  if (!found) return tl::make_unexpected(found.error());
  credentials c;
  c.username = take(*found, "username");
  c.realm = take(*found, "realm");
  c.nonce = take(*found, "nonce");
  c.uri = take(*found, "uri");
  c.response = text::to_lower(take(*found, "response"));
  c.opaque = take(*found, "opaque");
  c.qop = text::to_lower(take(*found, "qop"));
  for (const auto* needed : {"username", "realm", "nonce", "uri", "response"})
    if (found->count(needed) == 0) return fail("no " + std::string{needed});
  const auto algorithm = hash_algorithm_of(take(*found, "algorithm"));
  if (!algorithm) return fail("algorithm " + take(*found, "algorithm") + " is not spoken here");
  c.algorithm = *algorithm;
  if (c.qop.empty()) return c; // a cnonce means nothing then (RFC 2617 3.2.2)
  c.cnonce = take(*found, "cnonce");
  if (c.qop != "auth" && c.qop != "auth-int") return fail("qop " + c.qop);
  const auto count = nonce_count_of(take(*found, "nc"));
  if (!count || c.cnonce.empty()) return fail("qop without nc or cnonce");
  c.nonce_count = *count;
  return c;
}

std::string ha1_of(hash_algorithm algorithm, std::string_view user, std::string_view realm,
                   std::string_view password) {
  return hex_digest(algorithm,
                    std::string{user}.append(":").append(realm).append(":").append(password));
}

std::string response_of(const credentials& c, std::string_view ha1, std::string_view method,
                        std::string_view body) {
  auto a2 = std::string{method} + ":" + c.uri;
  if (c.qop == "auth-int") a2 += ":" + hex_digest(c.algorithm, body);
  auto all = std::string{ha1} + ":" + c.nonce + ":";
  if (!c.qop.empty()) all += nonce_count_text(c.nonce_count) + ":" + c.cnonce + ":" + c.qop + ":";
  return hex_digest(c.algorithm, all + hex_digest(c.algorithm, a2));
}

credentials answer_to(const challenge& c, std::string_view user, std::string_view ha1,
                      std::string_view method, std::string_view uri, std::string_view body,
                      std::string_view cnonce, std::uint32_t nonce_count) {
  credentials made;
  made.username = user;
  made.realm = c.realm;
  made.nonce = c.nonce;
  made.uri = uri;
  made.opaque = c.opaque;
  made.algorithm = c.algorithm;
  if (c.auth || c.auth_int) {
    made.qop = c.auth ? "auth" : "auth-int";
    made.cnonce = cnonce;
    made.nonce_count = nonce_count;
  }
  made.response = response_of(made, ha1, method, body);
  return made;
}

} // namespace holdfast::sip
