#include "protocol/session/stateless.hpp"

#include "protocol/session/step.hpp"
#include "protocol/sip/message_view.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

// What was sent in the dialog since its INVITE is forgotten with the session, PRACKs among it. A
// request below its CSeq would be refused, gaps upward are legal (RFC 3261 12.2.1.1).
constexpr std::uint32_t forgotten_requests_max = 1'000;

} // namespace

std::optional<sip::dialog> stray_dialog(const sip::message& response) {
  sip::message invite; // as far as the response tells
  invite.method = "INVITE";
  for (const auto* name : {"From", "To", "Call-ID", "CSeq"})
    if (const auto value = response.header(name)) invite.add(name, std::string{*value});
  const auto contacts = response.contacts();
  if (!contacts || contacts->empty()) return std::nullopt;
  invite.request_uri = sip::to_string(contacts->front().uri);
  auto made = sip::make_uac_dialog(invite, response);
  if (!made) return std::nullopt;
  made->local_cseq += forgotten_requests_max;
  return std::move(*made);
}

std::vector<effect> on_orphan(const environment& env, session_address address,
                              std::string_view bytes, const flow& source) {
  const auto parsed = sip::parse(bytes);
  if (!parsed) return {};
  if (parsed->is_request()) {
    // An INVITE that a proxy asks for again, its container having died before anything of it was
    // held: what can not be reached any more counts as 503 (RFC 3261 16.9), and may be tried again.
    const bool lost = parsed->is("INVITE") && parsed->to_tag().empty();
    if (auto answer = stateless_response(bytes, source, lost ? 503 : 481, lost ? 2s : duration{}))
      return {std::move(*answer)};
    return {};
  }
  // A proxied call that still rang when its session was lost: its responses pass (RFC 3261 16.7).
  const auto top = parsed->top_via();
  if (top && parsed->headers("Via").size() > 1
      && env.tokens.verify(std::string_view{top->branch()}.substr(
             std::min(top->branch().size(), sip::magic_cookie.size())))
             == address) {
    if (auto passed = pass_back(*parsed)) return {std::move(*passed)};
  }
  return {};
}

bool is_half_a_call(const environment& env, session_address address, std::string_view bytes) {
  sip::message_view response;
  if (response.read(bytes) || response.is_request()) return false;
  const auto number = response.cseq();
  return response.status() >= 200 && response.status() < 300 && number && number->method == "INVITE"
         && env.tokens.verify(response.from_tag()) == address;
}

std::optional<send> stateless_response(std::string_view request, const flow& source, int status,
                                       duration retry_after) {
  const auto parsed = sip::parse(request);
  if (!parsed || !parsed->is_request() || parsed->is("ACK")) return std::nullopt;
  auto response = sip::make_response(*parsed, status, "", sip::stateless_tag(*parsed));
  if (retry_after > duration{})
    response.add("Retry-After",
                 std::to_string(std::chrono::ceil<std::chrono::seconds>(retry_after).count()));
  return send{.destination = sip::way_back(*parsed, source),
              .bytes = sip::to_bytes(response),
              .dependent = false,
              .proxy = {},
              .branch = {}};
}

} // namespace holdfast::session
