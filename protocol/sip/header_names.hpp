// What is known about header fields by name (RFC 3261 7.3.3, 20 and its extensions).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast::sip {

// The order of the table in header_names.cpp, which a static_assert holds to it.
enum class header_name : std::uint8_t {
  via,
  from,
  to,
  call_id,
  cseq,
  contact,
  max_forwards,
  route,
  record_route,
  content_length,
  content_type,
  content_encoding,
  supported,
  subject,
  event,
  allow_events,
  refer_to,
  referred_by,
  session_expires,
  accept_contact,
  reject_contact,
  request_disposition,
  identity,
  identity_info,
  accept,
  accept_encoding,
  accept_language,
  alert_info,
  allow,
  authentication_info,
  authorization,
  call_info,
  content_disposition,
  content_language,
  date,
  diversion,
  error_info,
  expires,
  flow_timer,
  history_info,
  in_reply_to,
  join,
  mime_version,
  min_expires,
  min_se,
  organization,
  p_asserted_identity,
  p_preferred_identity,
  path,
  priority,
  privacy,
  proxy_authenticate,
  proxy_authorization,
  proxy_require,
  rack,
  rseq,
  reason,
  replaces,
  reply_to,
  require,
  retry_after,
  server,
  service_route,
  sip_etag,
  sip_if_match,
  subscription_state,
  target_dialog,
  timestamp,
  unsupported,
  user_agent,
  warning,
  www_authenticate,
  unknown, // last: everything else
};

inline constexpr std::size_t header_names_known = static_cast<std::size_t>(header_name::unknown);

// Any case, compact forms too.
[[nodiscard]] header_name header_name_of(std::string_view name);

// "Call-ID"; "" for unknown.
[[nodiscard]] std::string_view to_string(header_name name);

// Is this header a comma-separated list (RFC 3261 7.3.1)?
[[nodiscard]] bool is_list_header(header_name name);

// Takes a comma list apart: outside quotes and <>; values trimmed, empty ones kept.
class list_cursor {
public:
  explicit list_cursor(std::string_view list) : rest_{list} {}

  // False: there are no more. An empty list has one value, the empty one.
  [[nodiscard]] bool next(std::string_view& value);

private:
  std::string_view rest_;
  bool done_ = false;
};

} // namespace holdfast::sip
