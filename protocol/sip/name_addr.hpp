// From, To, Contact, Route, Record-Route: a display name, a URI, parameters (RFC 3261 20.10).
#pragma once

#include "protocol/core/result.hpp"
#include "protocol/sip/params.hpp"
#include "protocol/sip/uri.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

struct name_addr {
  std::string display; // without quotes and backslashes; empty: none
  sip::uri uri;
  param_list params;     // of the header field, not of the URI
  bool wildcard = false; // "Contact: *"

  [[nodiscard]] std::string tag() const; // "" when there is none
  [[nodiscard]] std::optional<std::uint32_t>
  expires() const;             // an unreadable value counts as absent
  [[nodiscard]] int q() const; // thousandths; 1000 when absent

  friend bool operator==(const name_addr&, const name_addr&) = default;
};

// One value: name-addr or addr-spec. Outside <>, parameters belong to the header field and a URI
// with '?' or ',' is an error (RFC 3261 20).
[[nodiscard]] result<name_addr> parse_name_addr(std::string_view text);

// Always with <>.
[[nodiscard]] std::string to_string(const name_addr& a);

} // namespace holdfast::sip
