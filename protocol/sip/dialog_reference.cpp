#include "protocol/sip/dialog_reference.hpp"

#include "protocol/sip/params.hpp"
#include "protocol/sip/text.hpp"

namespace holdfast::sip {

std::string to_string(const dialog_reference& d) {
  return d.call_id + ";to-tag=" + d.to_tag + ";from-tag=" + d.from_tag
         + (d.early_only ? ";early-only" : "");
}

result<dialog_reference> parse_dialog_reference(std::string_view text) {
  text = text::trim(text);
  const auto semicolon = text.find(';');
  if (semicolon == text.npos || semicolon == 0) return fail("no Call-ID or no tags");
  const auto params = parse_params(text.substr(semicolon));
  if (!params) return fail("parameters that cannot be read");
  dialog_reference d;
  d.call_id = text::trim(text.substr(0, semicolon));
  int to_tags = 0;
  int from_tags = 0;
  for (const auto& each : *params) {
    if (text::same(each.name, "to-tag")) d.to_tag = each.value.value_or(""), ++to_tags;
    if (text::same(each.name, "from-tag")) d.from_tag = each.value.value_or(""), ++from_tags;
    if (text::same(each.name, "early-only")) d.early_only = true;
  }
  if (to_tags != 1 || from_tags != 1) return fail("not exactly one of each tag");
  return d;
}

} // namespace holdfast::sip
