#include "protocol/applications/registration_info.hpp"

namespace holdfast::applications {

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    default:
      out.push_back(c);
    }
  }
  return out;
}

} // namespace

std::string registration_info(std::string_view aor, std::uint32_t version,
                              const std::vector<registered_contact>& contacts) {
  auto xml =
      "<?xml version=\"1.0\"?>\r\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\""
      + std::to_string(version) + "\" state=\"full\">\r\n  <registration aor=\"" + escaped(aor)
      + "\" id=\"r1\" state=\"" + (contacts.empty() ? "terminated" : "active") + "\">\r\n";
  for (const auto& c : contacts)
    xml += "    <contact id=\"c" + c.id + "\" state=\"active\" event=\"registered\" expires=\""
           + std::to_string(c.left.count()) + "\"><uri>" + escaped(c.uri) + "</uri></contact>\r\n";
  return xml + "  </registration>\r\n</reginfo>\r\n";
}

} // namespace holdfast::applications
