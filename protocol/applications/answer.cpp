#include "protocol/applications/answer.hpp"

#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/text.hpp"

#include <sstream>
#include <vector>

namespace holdfast::applications {

namespace {

constexpr const char* ringing_timer = "ring";
constexpr unsigned ring_ms_max = 60'000;
constexpr std::string_view sdp_type = "application/sdp";
constexpr const char* allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, MESSAGE";

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string{text}};
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(std::move(line));
  }
  return lines;
}

// "m=audio 4000 RTP/AVP 0 8" -> "m=audio 9 RTP/AVP 0"; a stream that was refused stays so.
std::string accepted_stream(const std::string& offered) {
  std::istringstream in{offered};
  std::string media, port, protocol, format;
  in >> media >> port >> protocol >> format;
  return media + (port == "0" ? " 0 " : " 9 ") + protocol + " " + format + "\r\n";
}

content with_sdp(const std::string& sdp) {
  return {.headers = {{"Content-Type", "application/sdp"}}, .body = sdp};
}

// RFC 3261 8.2.3 and 21.4.7: a description in another language, or an answer in one that the caller
// does not take. False: answered so.
bool understands(context& session, const incoming_request& request) {
  const auto& m = request.message;
  const auto type = m.header("Content-Type");
  const auto media = type ? sip::text::trim(type->substr(0, type->find(';'))) : sdp_type;
  const bool encoded =
      m.has("Content-Encoding") && !sip::names_option(m, "Content-Encoding", "identity");
  if (!m.body.empty() && (!sip::text::same(media, sdp_type) || encoded))
    return session.respond(
               request.id, 415,
               {{{"Accept", std::string{sdp_type}}, {"Accept-Encoding", "identity"}}, ""}),
           false;
  bool taken = !m.has("Accept");
  for (const auto value : m.headers("Accept")) {
    const auto range = sip::text::trim(value.substr(0, value.find(';')));
    taken = taken || sip::text::same(range, sdp_type) || range == "*/*"
            || sip::text::same(range, "application/*");
  }
  if (!taken)
    session.respond(request.id, 406,
                    {{{"Warning", "399 holdfast \"only application/sdp is spoken here\""}}, ""});
  return taken;
}

void other_method(context& session, const incoming_request& request) {
  const auto& method = request.message.method;
  if (method == "OPTIONS")
    return session.respond(
        request.id, 200,
        {{{"Allow", allowed}, {"Accept", std::string{sdp_type}}, {"Supported", "timer"}}, ""});
  if (method == "SUBSCRIBE") return session.respond(request.id, 489, {});
  if (method == "REFER") return session.respond(request.id, 603); // it calls nobody
  if (request.in_dialog || method == "MESSAGE") return session.respond(request.id, 200);
  session.respond(request.id, 405, {{{"Allow", allowed}}, ""});
}

} // namespace

std::string sdp_answer(std::string_view offer, std::string_view host, std::uint32_t version) {
  const bool six = host.find(':') != std::string_view::npos;
  const auto address = (six ? "IN IP6 " : "IN IP4 ") + std::string{host};
  std::string sdp = "v=0\r\no=holdfast 1 " + std::to_string(version) + " " + address
                    + "\r\ns=-\r\nc=" + address + "\r\nt=0 0\r\n";
  if (offer.empty()) return sdp + "m=audio 9 RTP/AVP 0\r\na=inactive\r\n";
  if (!offer.starts_with("v=0")) return {};
  for (const auto& line : lines_of(offer))
    if (line.starts_with("m=")) sdp += accepted_stream(line) + "a=inactive\r\n";
  return sdp;
}

result<void> answering_machine::check(const settings& given) {
  if (auto fine = only_settings(given, {"ring_ms"}); !fine) return fine;
  if (const auto ring = number_setting(given, "ring_ms", 0, ring_ms_max, 0); !ring)
    return tl::make_unexpected(ring.error());
  return {};
}

void answering_machine::on_request(context& session, const incoming_request& request) {
  const auto& method = request.message.method;
  const bool describes =
      method == "INVITE" || (method == "UPDATE" && !request.message.body.empty());
  if (describes && !understands(session, request)) return;
  if (!describes) return other_method(session, request);
  const auto uri = sip::parse_uri(request.message.request_uri);
  const auto sdp = sdp_answer(request.message.body, uri ? uri->host : "127.0.0.1", ++version);
  if (sdp.empty()) return session.respond(request.id, 488);
  const auto ring_ms = number_setting(session.rule(), "ring_ms", 0, ring_ms_max, 0).value_or(0);
  if (request.in_dialog || ring_ms == 0 || method != "INVITE")
    return session.respond(request.id, 200, with_sdp(sdp));
  ringing = request.id;
  answer = sdp;
  session.respond(request.id, 180);
  session.set_timer(ringing_timer, std::chrono::milliseconds{ring_ms});
}

void answering_machine::on_timer(context& session, const std::string&) {
  session.respond(ringing, 200, with_sdp(answer));
  ringing = {};
  answer.clear();
}

void answering_machine::on_cancel(context& session, transaction_id invite) {
  session.clear_timer(ringing_timer);
  session.respond(invite, 487);
}

} // namespace holdfast::applications
