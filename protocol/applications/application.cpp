#include "protocol/applications/application.hpp"

#include "protocol/applications/answer.hpp"
#include "protocol/applications/b2bua.hpp"
#include "protocol/applications/proxy.hpp"
#include "protocol/applications/registrar.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast::applications {

namespace {

// Headers of one hop, one transaction or one dialog, and what the session writes itself.
constexpr std::array<std::string_view, 25> not_carried = {"Via",
                                                          "From",
                                                          "To",
                                                          "Call-ID",
                                                          "CSeq",
                                                          "Contact",
                                                          "Max-Forwards",
                                                          "Route",
                                                          "Record-Route",
                                                          "Allow",
                                                          "Require",
                                                          "Proxy-Require",
                                                          "Unsupported",
                                                          "RSeq",
                                                          "RAck",
                                                          "Content-Length",
                                                          "Timestamp",
                                                          "Min-Expires",
                                                          "Path",
                                                          "Service-Route",
                                                          "Replaces",
                                                          "Target-Dialog",
                                                          "Join",
                                                          "Min-SE",
                                                          "Session-Expires"};

// Extensions that either end of a back-to-back user agent agrees on with us, not through us: the
// session says itself whether it can do them.
constexpr std::array<std::string_view, 3> own_extensions = {"100rel", "timer", "outbound"};

std::string without_own_extensions(std::string_view options) {
  std::string kept;
  for (const auto option : sip::split_list(options))
    if (std::none_of(own_extensions.begin(), own_extensions.end(),
                     [&](auto own) { return sip::text::same(option, own); }))
      kept.append(kept.empty() ? "" : ", ").append(option);
  return kept;
}

} // namespace

content carried_content(const sip::message& message) {
  content carried;
  for (const auto& field : message.fields) {
    if (std::any_of(not_carried.begin(), not_carried.end(),
                    [&](auto name) { return sip::text::same(name, field.name); }))
      continue;
    if (sip::text::same(field.name, "Supported")) {
      if (auto kept = without_own_extensions(field.value); !kept.empty())
        carried.headers.push_back({field.name, std::move(kept)});
    } else {
      carried.headers.push_back(field);
    }
  }
  carried.body = message.body;
  return carried;
}

result<unsigned> number_setting(const settings& given, const std::string& name, unsigned least,
                                unsigned most, unsigned otherwise) {
  const auto found = given.find(name);
  if (found == given.end()) return otherwise;
  const auto& text = found->second;
  unsigned value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc{} && end == text.data() + text.size() && value >= least && value <= most)
    return value;
  return fail(name + " is \"" + text + "\"; write a number from " + std::to_string(least) + " to "
              + std::to_string(most));
}

result<sip::uri> target_uri(const std::string& text) {
  if (text.starts_with("sip:") || text.starts_with("sips:")) return sip::parse_uri(text);
  const auto where = parse_endpoint(text);
  if (!where) return tl::make_unexpected(where.error());
  sip::uri uri;
  uri.scheme = "sip";
  uri.host = where->host;
  uri.port = where->port;
  return uri;
}

result<void> only_settings(const settings& given, const std::vector<std::string>& known) {
  for (const auto& [name, value] : given) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string list;
    for (const auto& one : known) list.append(list.empty() ? "" : ", ").append(one);
    return fail("there is no setting \"" + name + "\"; known are: " + list);
  }
  return {};
}

void application::on_response(context&, const incoming_response&) {}
void application::on_ack(context&, dialog_id, const sip::message&) {}
void application::on_unacknowledged(context& session, dialog_id dialog) {
  session.send_in(dialog, "BYE");
}
void application::on_cancel(context& session, transaction_id invite) {
  session.respond(invite, 487);
}
void application::on_expired(context& session, dialog_id dialog) {
  session.send_in(dialog, "BYE");
}
void application::on_timer(context&, const std::string&) {}
void application::on_answered(context&, const session::answered&) {}
std::string application::on_asked(context&, const std::string&) {
  return {};
}

application_table built_in() {
  return {{"registrar", type_of<registrar>(registrar::check)},
          {"b2bua", type_of<b2bua>(b2bua::check)},
          {"proxy", type_of<proxy>(proxy::check)},
          {"answer", type_of<answering_machine>(answering_machine::check)}};
}

} // namespace holdfast::applications
