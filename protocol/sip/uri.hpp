// A URI as SIP uses it (RFC 3261 19.1): sip and sips taken apart, tel and every other scheme kept
// as opaque text behind the scheme.
#pragma once

#include "protocol/core/result.hpp"
#include "protocol/sip/params.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

struct uri {
  std::string scheme;                  // lower case
  std::string user;                    // as written, escapes included; empty: none
  std::optional<std::string> password; // as written
  std::string host;                    // as written; an IPv6 reference without its brackets
  std::uint16_t port = 0;              // 0: not said
  param_list params;
  std::string headers; // as written after '?', without it
  std::string opaque;  // what follows "scheme:" when the scheme is neither sip nor sips

  [[nodiscard]] bool is_sip() const { return scheme == "sip" || scheme == "sips"; }
  [[nodiscard]] bool secure() const { return scheme == "sips"; }
  [[nodiscard]] bool has_param(std::string_view name) const;
  [[nodiscard]] std::string_view param(std::string_view name) const; // "" when absent

  friend bool operator==(const uri&, const uri&) = default; // spelling; see equivalent()
};

[[nodiscard]] result<uri> parse_uri(std::string_view text);
[[nodiscard]] std::string to_string(const uri& u);

// RFC 3261 19.1.4: same resource, whatever the spelling. Other schemes: equal text behind an equal
// scheme; tel (RFC 3966 section 4) without visual separators.
[[nodiscard]] bool equivalent(const uri& a, const uri& b);

// RFC 3261 10.3 step 5: the index of the location service. "sip:alice@example.com", lower-case
// scheme and host, user unescaped as far as it may be, no password, port, parameters or headers: To
// and From have no port (19.1.1), and whoever is called at one of ours is the same person. sips
// counts as sip: one person, one set of bindings.
[[nodiscard]] std::string canonical_aor(const uri& u);

// %HH undone everywhere; nullopt: a '%' that is no escape.
[[nodiscard]] std::optional<std::string> unescape(std::string_view text);

// Escapes what may not stand in the user part.
[[nodiscard]] std::string escape_user(std::string_view text);

} // namespace holdfast::sip
