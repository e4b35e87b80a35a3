// The value of Replaces (RFC 3891) and Join (RFC 3911): a dialog, as its other end names it.
#pragma once

#include "protocol/core/result.hpp"

#include <string>
#include <string_view>

namespace holdfast::sip {

struct dialog_reference {
  std::string call_id;
  std::string to_tag;   // of whoever receives the request
  std::string from_tag; // of the dialog's other end
  bool early_only = false;

  friend bool operator==(const dialog_reference&, const dialog_reference&) = default;
};

[[nodiscard]] std::string to_string(const dialog_reference& d);
// Error: no Call-ID, or not exactly one of each tag.
[[nodiscard]] result<dialog_reference> parse_dialog_reference(std::string_view text);

} // namespace holdfast::sip
