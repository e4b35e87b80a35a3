#include "protocol/sip/dialog.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::sip {

namespace {

// RFC 5057 lists them; RFC 3261 knew re-INVITE alone.
bool refreshes_target(std::string_view method) {
  return method == "INVITE" || method == "UPDATE" || method == "SUBSCRIBE" || method == "NOTIFY"
         || method == "REFER";
}

// Text of the one Contact URI; nullopt when there is none that could be sent to.
std::optional<std::string> contact_uri(const message& m) {
  const auto contacts = m.contacts();
  if (!contacts || contacts->empty() || contacts->front().wildcard) return std::nullopt;
  return to_string(contacts->front().uri);
}

std::vector<std::string> record_route_uris(const message& m) {
  std::vector<std::string> out;
  if (const auto routes = m.record_routes())
    for (const auto& r : *routes) out.push_back(to_string(r.uri));
  return out;
}

std::vector<std::string> reversed(std::vector<std::string> v) {
  std::reverse(v.begin(), v.end());
  return v;
}

bool is_loose_router(std::string_view route) {
  const auto parsed = parse_uri(route);
  // What is no SIP URI cannot be rewritten into a Request-URI either.
  return !parsed || parsed->has_param("lr");
}

// RFC 3261 19.1.1: a Request-URI has neither headers nor a method parameter.
std::string as_request_uri(const std::string& text) {
  auto parsed = parse_uri(text);
  if (!parsed || !parsed->is_sip()) return text;
  if (parsed->headers.empty() && !parsed->has_param("method")) return text;
  parsed->headers.clear();
  remove_param(parsed->params, "method");
  return to_string(*parsed);
}

std::string with_tag(const std::string& uri, const std::string& tag) {
  return tag.empty() ? "<" + uri + ">" : "<" + uri + ">;tag=" + tag;
}

// RFC 3261 12.2.1.1: Request-URI and Route from the route set, From and To from the dialog.
message filled(const dialog& d, std::string_view method, std::uint32_t number) {
  message out;
  out.method = method;
  auto routes = d.route_set;
  if (routes.empty() || is_loose_router(routes.front())) {
    out.request_uri = as_request_uri(d.remote_target);
  } else {
    // A strict router wants itself as Request-URI and the target as the last route.
    out.request_uri = as_request_uri(routes.front());
    routes.erase(routes.begin());
    routes.push_back(d.remote_target);
  }
  for (const auto& r : routes) out.add("Route", "<" + r + ">");
  out.add("From", with_tag(d.local_uri, d.local_tag));
  out.add("To", with_tag(d.remote_uri, d.remote_tag));
  out.add("Call-ID", d.call_id);
  out.add("CSeq", to_string(cseq{number, std::string{method}}));
  return out;
}

struct ends {
  name_addr from;
  name_addr to;
  sip::cseq number;
};

// What both sides take from the pair; the response's To carries the tag of the UAS.
result<ends> read_ends(const message& request, const message& response) {
  if (response.status < 101 || response.status > 299) return fail("response that makes no dialog");
  auto from = request.from();
  if (!from) return tl::make_unexpected(from.error());
  auto to = response.to();
  if (!to) return tl::make_unexpected(to.error());
  if (to->tag().empty() && response.status < 200)
    return fail("provisional response without To-tag");
  auto number = request.cseq();
  if (!number) return tl::make_unexpected(number.error());
  return ends{std::move(*from), std::move(*to), std::move(*number)};
}

bool is_sips(std::string_view uri_text) {
  return text::same(uri_text.substr(0, 5), "sips:");
}

} // namespace

result<dialog> make_uac_dialog(const message& request, const message& response) {
  const auto both = read_ends(request, response);
  if (!both) return tl::make_unexpected(both.error());
  const auto target = contact_uri(response);
  if (!target && response.status >= 200) return fail("2xx without a usable Contact");
  dialog d;
  d.role = dialog_role::uac;
  d.state = response.status < 200 ? dialog_state::early : dialog_state::confirmed;
  d.call_id = request.call_id();
  d.local_tag = both->from.tag();
  d.local_uri = to_string(both->from.uri);
  d.remote_tag = both->to.tag();
  d.remote_uri = to_string(both->to.uri);
  d.local_cseq = both->number.number;
  d.remote_target = target.value_or(request.request_uri);
  d.route_set = reversed(record_route_uris(response));
  d.secure = is_sips(request.request_uri);
  return d;
}

result<dialog> make_uas_dialog(const message& request, const message& response) {
  const auto both = read_ends(request, response);
  if (!both) return tl::make_unexpected(both.error());
  if (both->to.tag().empty()) return fail("our response has no To-tag");
  auto target = contact_uri(request);
  // RFC 2543 made Contact optional, and From-tags too, which is how its peers are known.
  if (!target && !request.has("Contact") && both->from.tag().empty())
    target = to_string(both->from.uri);
  if (!target) return fail("request without a usable Contact");
  dialog d;
  d.role = dialog_role::uas;
  d.state = response.status < 200 ? dialog_state::early : dialog_state::confirmed;
  d.call_id = request.call_id();
  d.local_tag = both->to.tag();
  d.local_uri = to_string(both->to.uri);
  d.remote_tag = both->from.tag();
  d.remote_uri = to_string(both->from.uri);
  d.remote_cseq = both->number.number;
  d.remote_target = *target;
  d.route_set = record_route_uris(request);
  d.secure = is_sips(request.request_uri);
  return d;
}

message dialog::make_request(std::string_view method) {
  ++local_cseq;
  return filled(*this, method, local_cseq);
}

message dialog::make_ack(std::uint32_t invite_cseq) const {
  return filled(*this, "ACK", invite_cseq);
}

std::string dialog::next_hop() const {
  return route_set.empty() ? remote_target : route_set.front();
}

std::optional<int> dialog::on_request(const message& request) {
  // ACK and CANCEL carry the number of another request (RFC 3261 17.1.1.3, 9.1).
  if (request.is("ACK") || request.is("CANCEL")) return std::nullopt;
  if (state == dialog_state::terminated) return 481;
  const auto number = request.cseq();
  if (!number) return 400;
  // RFC 3261 12.2.2: lower MUST be rejected; gaps upward are legal.
  if (remote_cseq && number->number < *remote_cseq) return 500;
  remote_cseq = number->number;
  if (refreshes_target(request.method))
    if (auto target = contact_uri(request)) remote_target = std::move(*target);
  return std::nullopt;
}

void dialog::on_response(const message& response) {
  const auto about = response.cseq();
  if (!about || state == dialog_state::terminated) return;
  const bool was_early = state == dialog_state::early;
  if (response.status < 200) {
    // RFC 3261 12.1.2 has the route set of an early dialog; a later 18x may bring the first
    // Contact.
    if (was_early && role == dialog_role::uac && about->method == "INVITE")
      if (auto target = contact_uri(response)) remote_target = std::move(*target);
    return;
  }
  const bool made_it = role == dialog_role::uac && was_early
                       && (about->method == "INVITE" || about->method == "SUBSCRIBE");
  const bool challenged = response.status == 401 || response.status == 407;
  if ((about->method == "BYE" && !challenged) || response.status == 481 || response.status == 408) {
    terminate(); // RFC 3261 12.2.1.2, 15.1.1
  } else if (response.status < 300) {
    if (made_it) {
      // RFC 3261 13.2.2.4: the route set is computed again from the 2xx.
      route_set = reversed(record_route_uris(response));
      state = dialog_state::confirmed;
    }
    if (refreshes_target(about->method))
      if (auto target = contact_uri(response)) remote_target = std::move(*target);
  } else if (made_it) {
    terminate(); // RFC 3261 12.3
  }
}

void dialog::confirm() {
  if (state == dialog_state::early) state = dialog_state::confirmed;
}

bool dialog::matches_request(const message& request) const {
  return request.call_id() == call_id && request.to_tag() == local_tag
         && request.from_tag() == remote_tag;
}

bool dialog::matches_response(const message& response) const {
  return response.call_id() == call_id && response.from_tag() == local_tag
         && response.to_tag() == remote_tag;
}

void dialog::reserve(std::uint32_t count) {
  cseq_ceiling = std::max(cseq_ceiling, local_cseq + count);
}

void dialog::restart_at_ceiling() {
  local_cseq = std::max(local_cseq, cseq_ceiling);
}

} // namespace holdfast::sip
