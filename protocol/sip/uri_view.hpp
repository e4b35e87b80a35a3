// A URI where it stands: see uri.hpp for one that is kept.
#pragma once

#include "protocol/sip/decoded.hpp"
#include "protocol/sip/params_view.hpp"
#include "protocol/sip/uri.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::sip {

struct uri_view {
  std::string_view scheme;   // as written
  std::string_view user;     // as written, escapes included; empty: none
  std::string_view password; // as written
  bool has_password = false;
  bool sip_or_sips = false;
  bool secure = false;
  std::uint16_t port = 0; // 0: not said
  std::string_view host;  // as written; an IPv6 reference without its brackets
  params_view params;
  std::string_view headers; // as written after '?', without it
  std::string_view opaque;  // what follows "scheme:" when the scheme is neither sip nor sips
};

[[nodiscard]] decoded<uri_view> view_uri(std::string_view text);
// The same into a value that is there, as it was made; "" or what is wrong.
[[nodiscard]] std::string_view read_uri(std::string_view text, uri_view& out);

[[nodiscard]] uri copy_of(const uri_view& view);

// See canonical_aor().
void append_canonical_aor(std::string& out, const uri_view& u);

} // namespace holdfast::sip
