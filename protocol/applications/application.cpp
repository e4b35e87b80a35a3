#include "protocol/applications/application.hpp"

#include "protocol/applications/answer.hpp"
#include "protocol/applications/b2bua.hpp"
#include "protocol/applications/registrar.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast::applications {

namespace {

// Headers of one hop, one transaction or one dialog, and what the session writes itself.
constexpr std::array<std::string_view, 22> not_carried = {
    "Via",          "From",          "To",           "Call-ID",        "CSeq",      "Contact",
    "Max-Forwards", "Route",         "Record-Route", "Allow",          "Require",   "Proxy-Require",
    "Unsupported",  "RSeq",          "RAck",         "Content-Length", "Timestamp", "Min-Expires",
    "Path",         "Service-Route", "Replaces",     "Target-Dialog"};

// RFC 3262 numbers reliable provisionals per transaction: it does not pass from one to another.
std::string without_100rel(std::string_view options) {
  std::string kept;
  for (const auto option : sip::split_list(options))
    if (!sip::text::same(option, "100rel")) kept.append(kept.empty() ? "" : ", ").append(option);
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
      if (auto kept = without_100rel(field.value); !kept.empty())
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
void application::on_timer(context&, const std::string&) {}
void application::on_answered(context&, const session::answered&) {}
std::string application::on_asked(context&, const std::string&) {
  return {};
}

application_table built_in() {
  return {{"registrar", type_of<registrar>(registrar::check)},
          {"b2bua", type_of<b2bua>(b2bua::check)},
          {"answer", type_of<answering_machine>(answering_machine::check)}};
}

} // namespace holdfast::applications
