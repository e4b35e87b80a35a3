// What the application wants to say: RFC 3261 8.1.1, 8.2.6, 12.2.1, 13.3.1, 15.1.1.
#include "protocol/core/buggify.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/session/step.hpp"
#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/session_timer.hpp"
#include "protocol/sip/transport_rules.hpp"

#include <algorithm>
#include <chrono>

namespace holdfast::session {

namespace {

// Methods whose Contact is a remote target (RFC 3261 12.1, RFC 3311, RFC 6665).
bool carries_target(const std::string& method) {
  return method == "INVITE" || method == "UPDATE" || method == "SUBSCRIBE" || method == "NOTIFY"
         || method == "REFER";
}

void append(sip::message& m, const applications::content& carried) {
  for (const auto& field : carried.headers) m.add(field.name, field.value);
  m.body = carried.body;
}

bool ends_subscription(const applications::content& carried) {
  return std::any_of(carried.headers.begin(), carried.headers.end(), [](const auto& field) {
    return field.name == "Subscription-State" && field.value.starts_with("terminated");
  });
}

// What the application passes on, and what we can do ourselves.
void merge_supported(sip::message& m, bool reliable = false) {
  std::string list;
  for (const auto option : m.headers("Supported"))
    list.append(list.empty() ? "" : ", ").append(option);
  for (const auto own : sip::split_list(supported_options()))
    if (!sip::names_option(m, "Supported", own)) list.append(list.empty() ? "" : ", ").append(own);
  if (reliable) list += ", 100rel";
  m.set("Supported", std::move(list));
}

} // namespace

void step::respond(transaction_id request, int status, const content& carried) {
  auto* record = server(request);
  if (record == nullptr || record->answered) return;
  respond_as(*record, record->dialog, status, carried);
}

void step::respond_as(server_record& answering, dialog_id as, int status, const content& carried) {
  auto* record = &answering;
  const auto& asked_for = record->request();
  const bool initial = asked_for.to_tag().empty();
  const bool dialog_forming = initial && as != dialog_id{};
  auto response = sip::make_response(asked_for, status, "",
                                     dialog_forming && status > 100 ? tag_of(as) : record->to_tag);
  const bool success = status >= 200 && status < 300;
  if (status > 100 && status < 300 && carries_target(asked_for.method)) {
    const auto asked = sip::parse_uri(asked_for.request_uri);
    response.add("Contact", contact(record->source, asked && asked->secure()));
    if (!response.has("Allow")) response.add("Allow", allowed_methods());
  }
  append(response, carried);
  if (success && carries_target(asked_for.method)) merge_supported(response);
  if (record->invite && success) record->dialog = as;
  if (dialog_forming && !make_dialog(*record, as, response))
    return respond(record->id, 400); // RFC 3261 8.1.1.8: an INVITE without a usable Contact
  if (success) agree_on_refreshes(*record, response);
  const bool reliable = record->invite && status > 100 && status < 200 && carried.reliable;
  if (auto* d = dialog(as)) d->offers.sent_response(response, reliable);
  if (reliable) return send_reliably(*record, std::move(response));
  if (status >= 200) {
    s_.due.clear_all(timer_kind::reliable, record->id.value);
    record->reliable.clear();
  }
  // Any node would answer an OPTIONS outside a dialog alike; all other final responses are kept.
  // And it would ask for credentials again.
  const bool rings = status > 100 && status < 200 && kept_as(applications::durability::early);
  const bool final = status >= 200 && !(initial && asked_for.is("OPTIONS")) && !record->challenged
                     && !(success && planted<"success-is-not-committed">())
                     && !(asked_for.is("BYE") && planted<"bye-is-not-committed">());
  const bool kept = rings || final;
  const auto out = outlet_of(*record, kept);
  record->answered = status >= 200;
  const sip::from_user answer{response};
  if (record->invite && success) finish_invite(*record, response);
  run(record->invite ? record->invite->on(answer, now_) : record->other->on(answer, now_), out);
}

// RFC 3261 13.3.1.4: the 2xx is repeated until its ACK. The transaction sends the first one.
void step::finish_invite(server_record& record, const sip::message& response) {
  record.success.emplace(response, s_.env->timers);
  auto timers_only = record.success->on(sip::start{}, now_);
  std::erase_if(timers_only,
                [](const auto& e) { return std::holds_alternative<sip::transmit>(e); });
  auto out = outlet_of(record, false);
  out.timers.kind = timer_kind::success;
  run(timers_only, out);
}

// The dialogs of an initial request follow our responses: made by a 1xx or 2xx, confirmed by a 2xx,
// which ends the others of a fork, gone with anything else. False: this request can make none.
bool step::make_dialog(server_record& record, dialog_id as, const sip::message& response) {
  if (response.status == 100) return true;
  if (response.status >= 200)
    std::erase_if(s_.dialogs, [&](const auto& d) {
      const bool its = d.made_by == record.id && d.dialog.role == sip::dialog_role::uas;
      return its && (response.status >= 300 || d.id != as);
    });
  if (response.status >= 300) return true;
  auto* known = dialog(as);
  if (known == nullptr) {
    auto made = sip::make_uas_dialog(record.request(), response);
    if (!made) return false;
    s_.dialogs.push_back({.id = as,
                          .dialog = std::move(*made),
                          .made_by = record.id,
                          .proxy = record.proxy,
                          .destination = {},
                          .offers = {},
                          .by_subscription = !record.invite});
    known = &s_.dialogs.back();
    known->offers.received_request(record.request());
    note_flow(*known, record);
  }
  if (response.status >= 200) known->dialog.confirm();
  return true;
}

// `request` lacks the Via only.
transaction_id step::start_client(sip::message request, const std::string& destination,
                                  const std::string& proxy, dialog_id of, bool for_application,
                                  transaction_id known_as) {
  client_record record;
  record.id.value = ++s_.last_id;
  record.destination = destination;
  address(record, request);
  record.proxy = proxy;
  record.dialog = of;
  record.in_dialog = of != dialog_id{};
  record.application_s = for_application;
  record.known_as = known_as;
  // Nothing is committed for a request that makes a dialog: class stable begins with the dialog.
  const auto out = outlet_of(record, record.in_dialog || !for_application);
  const auto effects = begin(record, std::move(request));
  const auto id = record.id;
  s_.clients.push_back(std::move(record));
  run(effects, out);
  return id;
}

transaction_id step::send(const applications::outgoing_request& request) {
  const auto first_route =
      request.routes.empty() ? fail("none") : sip::parse_name_addr(request.routes.front());
  const auto destination = request.destination ? to_string(*request.destination)
                           : first_route       ? destination_of(sip::to_string(first_route->uri))
                                               : destination_of(request.request_uri);
  auto from = sip::parse_name_addr(request.from);
  if (destination.empty() || !from) return {};
  sip::set_param(from->params, "tag", tag_of({++s_.last_id}));
  sip::message m;
  m.method = request.method;
  m.request_uri = request.request_uri;
  m.add("Max-Forwards", std::to_string(request.max_forwards));
  m.add("From", sip::to_string(*from));
  m.add("To", request.to);
  m.add("Call-ID", s_.random.unique() + s_.random.unique());
  m.add("CSeq", "1 " + request.method);
  if (carries_target(request.method)) {
    const auto asked = sip::parse_uri(request.request_uri);
    m.add("Contact", contact(destination, asked && asked->secure()));
    m.add("Allow", allowed_methods());
  }
  for (const auto& route : request.routes) m.add("Route", route);
  append(m, request.carried);
  if (m.is("INVITE")) {
    merge_supported(m, request.carried.reliable);
    const auto wish = std::chrono::duration_cast<std::chrono::seconds>(s_.env->session_expires);
    // RFC 4028 7.1: phones can refresh; we would need their leave to UPDATE.
    if (wish.count() > 0 && !m.has("Session-Expires"))
      m.add("Session-Expires",
            sip::to_string({static_cast<std::uint32_t>(wish.count()), sip::refresher::uas}));
  }
  const auto id = start_client(std::move(m), destination, "", {}, true);
  // Where the URI does not lead to the destination, the whole dialog goes there (NAT).
  if (auto* record = client(id); record != nullptr && request.destination)
    record->fixed_destination = destination != destination_of(request.request_uri);
  return id;
}

transaction_id step::send_in(dialog_id of, const std::string& method, const content& carried,
                             unsigned max_forwards) {
  auto* d = dialog(of);
  if (d == nullptr || d->bye_wanted) return {};
  const auto waits = [&](const server_record& r) {
    return r.dialog == of && r.success && r.success->active();
  };
  if (method == "BYE") {
    // RFC 3261 15: the callee's BYE waits for the ACK to its 2xx, and early dialogs have none.
    if (d->dialog.state == sip::dialog_state::early && d->dialog.role == sip::dialog_role::uas)
      return {};
    if (std::any_of(s_.servers.begin(), s_.servers.end(), waits)) {
      d->bye_wanted = true;
      commit_ = true;
      return {};
    }
    acknowledge(of);
  } else if (method == "UPDATE" && !carried.body.empty()) {
    // RFC 3311 5.1: not while an offer is open.
    if (d->offers.state() != sip::offer_answer::state_type::idle) return {};
  } else if (method == "INVITE") {
    for (const auto& r : s_.servers)
      if (r.invite && r.dialog == of && (!r.answered || waits(r))) return {};
    for (const auto& r : s_.clients)
      if (r.invite && r.dialog == of && (!r.answered || r.unacknowledged)) return {};
  }
  if (buggify<"session: a gap in CSeq">()) d->dialog.local_cseq += 3;
  if (planted<"info-repeats-its-cseq">() && method == "INFO") d->dialog.local_cseq = 1;
  auto request = d->dialog.make_request(method);
  request.add("Max-Forwards", std::to_string(max_forwards));
  const auto destination = way_within(*d);
  if (carries_target(method)) request.add("Contact", contact(destination, d->dialog.secure));
  append(request, carried);
  if (method == "INVITE" || method == "UPDATE") {
    merge_supported(request);
    // RFC 4028 7.4: a request that may refresh says so, and keeps who refreshes.
    if (d->session_s != 0 && d->dialog.state == sip::dialog_state::confirmed)
      request.add("Session-Expires", sip::to_string({d->session_s, sip::refresher::unsaid}));
  }
  d->offers.sent_request(request);
  const auto proxy = d->proxy;
  const bool by_subscription = d->by_subscription;
  const auto id = start_client(std::move(request), destination, proxy, of, bool{s_.app});
  if (method == "BYE") end_dialog(of); // RFC 3261 15.1.1: nothing else is sent or listened for
  // RFC 6665 4.1.3: nor is anything after the last NOTIFY of a subscription.
  if (method == "NOTIFY" && by_subscription && ends_subscription(carried)) end_dialog(of);
  return id;
}

void step::acknowledge(dialog_id of, const content& carried) {
  const auto found = std::find_if(s_.clients.begin(), s_.clients.end(), [&](const auto& r) {
    return r.invite && r.dialog == of && r.unacknowledged;
  });
  auto* d = dialog(of);
  if (found == s_.clients.end() || d == nullptr || planted<"callee-gets-no-ack">()) return;
  found->unacknowledged = false;
  auto ack = d->dialog.make_ack(found->request().cseq()->number);
  const auto destination = way_within(*d);
  write_via(ack, parse_flow(destination).value_or(flow{}).over);
  ack.add("Max-Forwards", "70");
  // RFC 3261 22.1: with the credentials of its INVITE.
  for (const auto* name : {"Authorization", "Proxy-Authorization"})
    for (const auto value : found->request().headers(name)) ack.add(name, std::string{value});
  append(ack, carried);
  d->offers.sent_request(ack);
  found->acks.emplace_back(ack, s_.env->timers);
  auto out = outlet_of(*found, true);
  out.timers.kind = timer_kind::ack;
  out.timers.part = static_cast<std::uint32_t>(found->acks.size() - 1);
  out.branch.clear();
  out.destination = destination;
  run(found->acks.back().on(sip::start{}, now_), out);
}

void step::cancel(transaction_id invite) {
  auto* record = client_known_as(invite);
  if (record == nullptr || !record->invite || record->answered) return;
  record->cancel_wanted = true;
  if (record->provisional) send_cancel(*record);
}

// RFC 3261 9.1.
void step::send_cancel(client_record& record) {
  if (record.cancel_sent) return;
  record.cancel_sent = true;
  s_.due.set({.kind = timer_kind::cancelled, .id = record.id.value, .name = {}},
             now_ + 64 * s_.env->timers.t1);
  client_record cancelling;
  cancelling.id.value = ++s_.last_id;
  auto request = sip::make_cancel(record.request());
  cancelling.key = sip::client_key(request).value();
  cancelling.destination = record.destination;
  cancelling.proxy = record.proxy;
  cancelling.branch = record.branch;
  const auto effects = begin(cancelling, std::move(request));
  const auto out = outlet_of(cancelling, false); // repeating it does no harm
  s_.clients.push_back(std::move(cancelling));   // `record` may have moved
  run(effects, out);
}

std::uint32_t step::cseq_of(transaction_id id) const {
  const auto record = std::find_if(s_.clients.begin(), s_.clients.end(),
                                   [id](const auto& c) { return c.id == id; });
  if (record == s_.clients.end()) return 0;
  return record->request().cseq().value_or(sip::cseq{}).number;
}

bool step::alive(dialog_id of) const {
  return std::any_of(s_.dialogs.begin(), s_.dialogs.end(),
                     [&](const auto& d) { return d.id == of && !d.bye_wanted; });
}

void step::set_timer(const std::string& name, duration after) {
  s_.due.set({.kind = timer_kind::application, .name = name}, now_ + after);
}

void step::set_expiry(const std::string& name, duration after) {
  s_.due.set({.kind = timer_kind::expiry, .name = name}, now_ + after);
}

void step::clear_timer(const std::string& name) {
  s_.due.clear({.kind = timer_kind::application, .name = name});
  s_.due.clear({.kind = timer_kind::expiry, .name = name});
}

std::optional<duration> step::remaining(const std::string& name) const {
  auto when = s_.due.at({.kind = timer_kind::expiry, .name = name});
  if (!when) when = s_.due.at({.kind = timer_kind::application, .name = name});
  if (!when) return std::nullopt;
  return *when - now_;
}

std::uint64_t step::ask(const std::string& key, std::string bytes, duration timeout) {
  return pose(key, {question::subject::application, std::move(bytes)}, timeout);
}

std::uint64_t step::ask_session(const std::string& tag, std::string bytes, duration timeout) {
  const auto named = s_.env->tokens.verify(tag);
  if (!named) return 0;
  return pose(key_of_session(tag.substr(0, cluster::token_ring::token_length)),
              {question::subject::application, std::move(bytes)}, timeout);
}

std::string step::conceal(const std::string& what) {
  return s_.env->tokens.conceal(s_.token + what, s_.random.next());
}

std::optional<applications::context::revealed> step::reveal(const std::string& name) const {
  constexpr auto length = cluster::token_ring::token_length;
  const auto text = s_.env->tokens.reveal(name);
  if (!text || text->size() < length) return std::nullopt;
  return revealed{text->substr(0, length), text->substr(length)};
}

std::uint64_t step::pose(const std::string& key, const question& what, duration timeout) {
  // The shell answers within the time-out; this one is for a question that a failover lost.
  const auto id = ++s_.last_id;
  s_.due.set({.kind = timer_kind::question, .id = id, .name = {}}, now_ + timeout + timeout / 4);
  auto bytes = encode(what);
  s_.questions.push_back({.id = id, .key = key, .bytes = bytes, .timeout = timeout});
  out_.push_back(
      holdfast::session::ask{.id = id, .key = key, .bytes = std::move(bytes), .timeout = timeout});
  return id;
}

} // namespace holdfast::session
