#include "protocol/session/directory_key.hpp"

#include "protocol/sip/text.hpp"

namespace holdfast::session {

bool concerns_registration(const sip::message& request) {
  if (request.is("REGISTER")) return true;
  if (!request.is("SUBSCRIBE") || !request.to_tag().empty()) return false;
  const auto event = request.header("Event");
  return event && sip::text::same(sip::text::trim(event->substr(0, event->find(';'))), "reg");
}

std::string directory_key(std::string_view call_id, std::string_view from_tag) {
  return std::string{"call:"}.append(call_id).append(";").append(from_tag);
}

std::string directory_key_of_aor(std::string_view canonical_aor) {
  return std::string{"aor:"}.append(canonical_aor);
}

std::string directory_key_of(const sip::message& request) {
  if (request.is("REGISTER"))
    if (const auto to = request.to()) return directory_key_of_aor(sip::canonical_aor(to->uri));
  if (concerns_registration(request))
    if (const auto uri = sip::parse_uri(request.request_uri))
      return directory_key_of_aor(sip::canonical_aor(*uri));
  return directory_key(request.call_id(), request.from_tag());
}

void write_directory_key(const sip::message_view& request, std::string& key) {
  if (request.is("REGISTER")) {
    if (const auto to = request.to()) {
      key = "aor:";
      return sip::append_canonical_aor(key, to->uri);
    }
  }
  key = "call:";
  key.append(request.call_id()).append(";").append(request.from_tag());
}

} // namespace holdfast::session
