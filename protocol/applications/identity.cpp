#include "protocol/applications/identity.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>
#include <vector>

namespace holdfast::applications {

namespace {

std::vector<std::string> privacy_of(const sip::message& m) {
  std::vector<std::string> wanted;
  const auto line = m.header("Privacy");
  if (!line) return wanted;
  std::string_view rest = *line;
  while (!rest.empty()) {
    const auto end = std::min(rest.find_first_of(";,"), rest.size());
    wanted.push_back(sip::text::to_lower(sip::text::trim(rest.substr(0, end))));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return wanted;
}

bool wants(const std::vector<std::string>& privacy, const char* what) {
  return std::find(privacy.begin(), privacy.end(), what) != privacy.end();
}

bool is_of(const result<sip::name_addr>& address, const std::string& user) {
  return address && address->uri.is_sip()
         && sip::unescape(address->uri.user).value_or(address->uri.user) == user;
}

} // namespace

void assert_identity(sip::message& request, bool from_trusted, const std::string& user,
                     const std::string& realm) {
  if (from_trusted) return;
  std::string identity;
  if (!user.empty()) {
    const auto preferred = request.header("P-Preferred-Identity");
    const auto named = preferred ? sip::parse_name_addr(*preferred) : request.from();
    if (is_of(named, user))
      identity = sip::to_string(sip::name_addr{named->display, named->uri, {}, false});
    else
      identity = "<sip:" + sip::escape_user(user) + "@" + realm + ">";
  }
  request.remove("P-Asserted-Identity"); // RFC 3325 5: not from somebody we do not trust
  request.remove("P-Preferred-Identity");
  if (!identity.empty()) request.add("P-Asserted-Identity", identity);
}

void withhold_identity(sip::message& m, bool to_trusted) {
  if (!to_trusted && wants(privacy_of(m), "id")) m.remove("P-Asserted-Identity");
}

bool demands_unknown_privacy(const sip::message& request) {
  const auto wanted = privacy_of(request);
  return wants(wanted, "critical")
         && std::any_of(wanted.begin(), wanted.end(), [](const std::string& one) {
              return one != "critical" && one != "id" && one != "none";
            });
}

} // namespace holdfast::applications
