#include "protocol/session/directory_key.hpp"

#include "protocol/sip/text.hpp"

namespace holdfast::session {

namespace {

bool subscribes_to_registration(std::string_view to_tag, std::string_view event) {
  return to_tag.empty()
         && sip::text::same(sip::text::trim(event.substr(0, event.find(';'))), "reg");
}

} // namespace

bool concerns_registration(const sip::message& request) {
  if (request.is("REGISTER")) return true;
  return request.is("SUBSCRIBE")
         && subscribes_to_registration(request.to_tag(), request.header("Event").value_or(""));
}

bool concerns_registration(const sip::message_view& request) {
  if (request.is("REGISTER")) return true;
  return request.is("SUBSCRIBE")
         && subscribes_to_registration(request.to_tag(),
                                       request.header(sip::header_name::event).value_or(""));
}

std::string directory_key(std::string_view call_id, std::string_view from_tag) {
  return std::string{"call:"}.append(call_id).append(";").append(from_tag);
}

std::string directory_key_of_aor(std::string_view canonical_aor) {
  return std::string{"aor:"}.append(canonical_aor);
}

std::optional<std::string_view> aor_of_directory_key(std::string_view key) {
  constexpr std::string_view prefix = "aor:";
  if (!key.starts_with(prefix)) return std::nullopt;
  return key.substr(prefix.size());
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
  key = "aor:";
  if (request.is("REGISTER")) {
    if (const auto to = request.to()) return sip::append_canonical_aor(key, to->uri);
  } else if (concerns_registration(request)) {
    if (const auto uri = sip::view_uri(request.request_uri()))
      return sip::append_canonical_aor(key, *uri);
  }
  key = "call:";
  key.append(request.call_id()).append(";").append(request.from_tag());
}

} // namespace holdfast::session
