// One Via value where it stands: see via.hpp for one that is kept.
#pragma once

#include "protocol/sip/decoded.hpp"
#include "protocol/sip/params_view.hpp"
#include "protocol/sip/via.hpp"

#include <cstdint>
#include <string_view>

namespace holdfast::sip {

struct via_view {
  std::string_view protocol;  // "SIP"
  std::string_view version;   // "2.0"
  std::string_view transport; // as written
  std::string_view host;      // sent-by; an IPv6 reference without its brackets
  std::uint16_t port = 0;     // 0: not said
  params_view params;
  std::string_view branch; // "" when there is none
};

[[nodiscard]] decoded<via_view> view_via(std::string_view text);

[[nodiscard]] via copy_of(const via_view& view);

} // namespace holdfast::sip
