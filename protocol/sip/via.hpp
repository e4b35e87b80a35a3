// One Via value (RFC 3261 20.42, rport of RFC 3581): the way back of a response, and with its
// branch the name of a transaction.
#pragma once

#include "protocol/core/result.hpp"
#include "protocol/sip/params.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

inline constexpr std::string_view magic_cookie = "z9hG4bK";

struct via {
  std::string protocol = "SIP/2.0";
  std::string transport = "UDP"; // upper case when read
  std::string host;              // sent-by; an IPv6 reference without its brackets
  std::uint16_t port = 0;        // 0: not said
  param_list params;

  [[nodiscard]] std::string branch() const; // "" when there is none
  // RFC 3261 8.1.1.7: more than the magic cookie alone; otherwise RFC 2543 matching applies.
  [[nodiscard]] bool has_magic_cookie() const;
  [[nodiscard]] std::string received() const;
  [[nodiscard]] std::string maddr() const;
  [[nodiscard]] bool wants_rport() const;                   // rport is there, with or without value
  [[nodiscard]] std::optional<std::uint16_t> rport() const; // its value
  [[nodiscard]] std::string sent_by() const;                // "host:port", lower case

  friend bool operator==(const via&, const via&) = default;
};

[[nodiscard]] result<via> parse_via(std::string_view text);
[[nodiscard]] std::string to_string(const via& v);

} // namespace holdfast::sip
