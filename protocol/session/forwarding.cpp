// What a proxy application does through its session: requests and responses of others that pass
// (RFC 3261 section 16). No dialog is made of them; transactions, timers and commits are as usual.
#include "protocol/session/step.hpp"
#include "protocol/sip/forwarding_rules.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

unsigned one_hop_less(const sip::message& m) {
  return std::max(m.max_forwards().value_or(70), 1U) - 1;
}

} // namespace

std::string step::own_uri(transport over) const {
  return sip::uri_over(s_.token, s_.env->advertised_over(over), over, false) + ";lr";
}

// Our Record-Route URI, or the address of the cluster as a preloaded route.
bool step::is_own_uri(const sip::uri& uri) const {
  if (s_.env->tokens.verify(uri.user) == s_.address) return true;
  const auto target = sip::target_of(uri);
  if (!target || !uri.user.empty()) return false;
  return static_cast<const endpoint&>(*target) == s_.env->advertised_over(target->over);
}

// RFC 3261 16.3 item 4 with RFC 5393: a Via of ours whose branch ends with the mark that this
// request would get again. A spiral has changed on its way and has another mark.
bool step::has_looped(const sip::message& request) const {
  const auto looped = [&](const endpoint& at) {
    sip::via ours;
    ours.host = at.host;
    ours.port = at.port;
    return sip::has_looped(request, ours.sent_by(), "." + sip::loop_mark(request));
  };
  return looped(s_.env->advertised)
         || (!s_.env->advertised_tls.host.empty() && looped(s_.env->advertised_tls))
         || (!s_.env->advertised_websocket.host.empty() && looped(s_.env->advertised_websocket));
}

bool step::trusts(const std::string& host) const {
  const auto& list = s_.env->trusted_hosts;
  return std::find(list.begin(), list.end(), host) != list.end();
}

transaction_id step::forward(transaction_id on_behalf_of, sip::message request,
                             const std::optional<flow>& destination) {
  const auto* from = server(on_behalf_of);
  if (from == nullptr) return {};
  const auto mark = sip::loop_mark(from->request());
  const bool in_dialog = !from->request().to_tag().empty();
  const auto hop = sip::route_onwards(request);
  const auto where = destination ? to_string(*destination) : destination_of(hop);
  if (where.empty()) return {};
  request.set("Max-Forwards", std::to_string(one_hop_less(request)));
  client_record record;
  record.id.value = ++s_.last_id;
  record.destination = where;
  address(record, request, "." + mark);
  record.application_s = true;
  record.forwarded = true;
  // In a dialog it has happened once it went out: a takeover repeats this very request.
  const auto out = outlet_of(record, in_dialog);
  const auto effects = begin(record, std::move(request));
  const auto id = record.id;
  s_.clients.push_back(std::move(record));
  run(effects, out);
  return id;
}

// RFC 3261 16.7 steps 3, 9 and 10.
void step::relay(transaction_id request, sip::message response) {
  auto* record = server(request);
  if (record == nullptr) return;
  const bool success = response.status >= 200 && response.status < 300;
  if (record->answered && !(record->invite && success)) return;
  response.remove_first("Via");
  if (response.headers("Via").empty()) return;
  const auto out = outlet_of(*record, response.status >= 200 && !record->answered);
  record->answered = record->answered || response.status >= 200;
  const sip::from_user passed{std::move(response)};
  run(record->invite ? record->invite->on(passed, now_) : record->other->on(passed, now_), out);
}

// The ACK to a 2xx is no transaction of ours; it is passed on for every copy that comes.
void step::pass_ack(sip::message ack, const std::optional<flow>& destination) {
  if (ack.max_forwards() == 0U) return;
  const auto hop = sip::route_onwards(ack);
  const auto where = parse_flow(destination ? to_string(*destination) : destination_of(hop));
  if (!where) return;
  ack.set("Max-Forwards", std::to_string(one_hop_less(ack)));
  write_via(ack, where->over);
  out_.push_back(holdfast::session::send{.destination = *where,
                                         .bytes = sip::to_bytes(ack),
                                         .dependent = false,
                                         .proxy = {},
                                         .branch = {}});
}

// RFC 3261 16.7: a response without a context is passed back by what its Via says.
std::optional<send> pass_back(sip::message response) {
  if (!response.remove_first("Via")) return std::nullopt;
  const auto next = response.top_via();
  if (!next) return std::nullopt;
  return send{.destination = sip::way_back(*next),
              .bytes = sip::to_bytes(response),
              .dependent = false,
              .proxy = {},
              .branch = {}};
}

} // namespace holdfast::session
