#include "protocol/sip/parser.hpp"

#include "protocol/core/base32.hpp"
#include "protocol/sip/text.hpp"

#include <utility>

namespace holdfast::sip {

message copy_of(const message_view& view) {
  message out;
  out.method = view.method();
  out.request_uri = view.request_uri();
  out.status = view.status();
  out.reason = view.reason();
  out.fields.reserve(view.size());
  for (std::size_t i = 0; i < view.size(); ++i) {
    const auto line = view[i];
    // RFC 3261 20.14: the body says its length from here on.
    if (line.known == header_name::content_length) continue;
    const auto name = line.known == header_name::unknown ? line.name : to_string(line.known);
    out.fields.push_back({std::string{name}, text::unfolded(line.value)});
  }
  out.body = view.body();
  return out;
}

parse_result parse(std::string_view in) {
  message_view view;
  auto bad = view.read(in);
  if (!bad) bad = check_message(view);
  if (!bad) return copy_of(view);
  parse_error e{bad.text(), bad.status, std::nullopt};
  if (bad.status != 0) e.partial = copy_of(view);
  return tl::make_unexpected(std::move(e));
}

std::optional<message> error_response(const parse_error& e) {
  // RFC 3261 17.1.1.3: an ACK is never answered.
  if (e.status == 0 || !e.partial || !e.partial->is_request() || e.partial->is("ACK"))
    return std::nullopt;
  if (!e.partial->has("Via")) return std::nullopt;
  const auto reason =
      e.status == 400 ? "Bad Request (" + e.what + ")" : std::string{default_reason(e.status)};
  return make_response(*e.partial, e.status, reason, stateless_tag(*e.partial));
}

std::string stateless_tag(const message& request) {
  // FNV-1a: nobody is kept from guessing it, every copy of the request gets the same.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const std::string_view name : {"Via", "From", "Call-ID", "CSeq"}) {
    auto value = request.header(name).value_or("");
    if (name == "Via") value = split_list(value).front();
    for (const char c : value) {
      hash ^= static_cast<unsigned char>(c);
      hash *= 1099511628211ULL;
    }
  }
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>((hash >> (8 * i)) & 0xff);
  return to_base32(bytes);
}

} // namespace holdfast::sip
