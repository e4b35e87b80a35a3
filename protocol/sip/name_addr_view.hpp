// One value of From, To, Contact, Route or Record-Route where it stands: see name_addr.hpp for one
// that is kept.
#pragma once

#include "protocol/sip/name_addr.hpp"
#include "protocol/sip/uri_view.hpp"

#include <string_view>

namespace holdfast::sip {

struct name_addr_view {
  std::string_view display; // as written, quotes included
  uri_view uri;
  params_view params;    // of the header field, not of the URI
  std::string_view tag;  // "" when there is none
  bool wildcard = false; // "Contact: *"
};

[[nodiscard]] decoded<name_addr_view> view_name_addr(std::string_view text);
// The tag alone, without a look at the URI; "" when there is none or the text is unreadable.
[[nodiscard]] std::string_view tag_of(std::string_view text);

[[nodiscard]] name_addr copy_of(const name_addr_view& view);

} // namespace holdfast::sip
