#include "protocol/session/stateless.hpp"

#include "protocol/session/entropy.hpp"
#include "protocol/session/step.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

// What was sent in the dialog since its INVITE is forgotten with the session, PRACKs among it. A
// request below its CSeq would be refused, gaps upward are legal (RFC 3261 12.2.1.1).
constexpr std::uint32_t forgotten_requests_max = 1'000;

// The same for every copy of a response, another one for each dialog of a fork. FNV-1a: nobody is
// kept from guessing it.
std::uint64_t fingerprint(const sip::message& response) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const auto* name : {"From", "To", "Call-ID", "CSeq"})
    for (const char c : response.header(name).value_or("")) {
      hash ^= static_cast<unsigned char>(c);
      hash *= 1099511628211ULL;
    }
  return hash;
}

// RFC 3261 13.2.2.4: one ACK and one BYE a dialog. Both are repeated byte for byte, so that the
// callee sees one transaction however often its 2xx comes.
std::vector<effect> acknowledge_and_end(const environment& env, session_address address,
                                        const sip::message& response, const flow& source) {
  auto dialog = stray_dialog(response);
  if (!dialog) return {};
  entropy random{fingerprint(response)};
  const auto sent = [&](sip::message m) -> effect {
    const auto way = parse_flow(destination_of(dialog->next_hop())).value_or(source);
    sip::via ours;
    ours.transport = to_string(way.over);
    ours.host = env.advertised_over(way.over).host;
    ours.port = env.advertised_over(way.over).port;
    sip::set_param(ours.params, "branch",
                   std::string{sip::magic_cookie} + env.tokens.issue(address) + "."
                       + random.unique());
    sip::set_param(ours.params, "rport", std::nullopt);
    m.prepend("Via", sip::to_string(ours));
    m.add("Max-Forwards", "70");
    return send{.destination = way,
                .bytes = sip::to_bytes(m),
                .dependent = false,
                .proxy = {},
                .branch = {}};
  };
  auto ack = sent(dialog->make_ack(response.cseq()->number));
  return {std::move(ack), sent(dialog->make_request("BYE"))};
}

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
    return {};
  }
  const auto number = parsed->cseq();
  const bool success = parsed->status >= 200 && parsed->status < 300;
  if (!success || !number || number->method != "INVITE") return {};
  if (env.tokens.verify(parsed->from_tag()) != address) return {};
  return acknowledge_and_end(env, address, *parsed, source);
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
