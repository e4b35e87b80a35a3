// Requests that come in: RFC 3261 8.2, 9.2, 12.2.2, 14.2.
#include "protocol/core/buggify.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/session/stateless.hpp"
#include "protocol/session/step.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/session_timer.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>
#include <array>

namespace holdfast::session {

namespace {

constexpr std::array<std::string_view, 14> known_methods = {
    "INVITE", "ACK",     "CANCEL", "BYE",   "OPTIONS",   "REGISTER", "INFO",
    "UPDATE", "MESSAGE", "NOTIFY", "PRACK", "SUBSCRIBE", "REFER",    "PUBLISH"};

// Outside a dialog they are about nothing.
constexpr std::array<std::string_view, 5> only_in_dialogs = {"BYE", "INFO", "UPDATE", "PRACK",
                                                             "NOTIFY"};

const sip::message& supported_list() {
  static const auto list = [] {
    sip::message m;
    m.add("Supported", supported_options() + ", 100rel, path, gruu");
    return m;
  }();
  return list;
}

bool among(const auto& list, std::string_view what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

} // namespace

const std::string& allowed_methods() {
  static const std::string list =
      "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, PRACK, MESSAGE, SUBSCRIBE, "
      "NOTIFY, REFER";
  return list;
}

const std::string& supported_options() {
  static const std::string list = "timer, replaces, join, norefersub";
  return list;
}

void step::take(const received& in) {
  const auto parsed = sip::parse(in.bytes);
  if (!parsed) {
    if (const auto refusal = sip::error_response(parsed.error()))
      out_.push_back(holdfast::session::send{.destination = in.source,
                                             .bytes = sip::to_bytes(*refusal),
                                             .dependent = false,
                                             .proxy = in.proxy,
                                             .branch = {},
                                             .perishable = false});
    return;
  }
  if (parsed->is_request())
    take_request(*parsed, in);
  else
    take_response(*parsed, in);
}

void step::take_request(const sip::message& request, const received& in) {
  const auto key = sip::server_key(request);
  if (!key) return;
  sometimes<"session: a copy of a request">(server(*key) != nullptr);
  if (planted<"copies-are-not-answered">() && server(*key) != nullptr) return;
  if (auto* known = server(*key); known != nullptr && !planted<"copies-are-not-absorbed">()) {
    if (in.source.reliable()) { // its connection broke, and this is the one it has now
      known->source = to_string(in.source);
      known->proxy = in.proxy;
    }
    const auto out = outlet_of(*known, false);
    const sip::from_network copy{request};
    run(known->invite ? known->invite->on(copy, now_) : known->other->on(copy, now_), out);
    return;
  }
  if (request.is("ACK")) {
    if (s_.app && s_.app->proxies()) return s_.app->on_ack(*this, {}, request);
    return take_ack(request);
  }
  if (request.is("CANCEL")) return take_cancel(request, in);
  const auto id = open(request, *key, in);
  if (request.to_tag().empty())
    take_initial(id);
  else
    take_in_dialog(id);
}

transaction_id step::open(const sip::message& request, const sip::transaction_key& key,
                          const received& in) {
  moved_on_ = true;
  server_record record;
  record.id.value = ++s_.last_id;
  record.key = key;
  record.source = to_string(in.source);
  record.proxy = in.proxy;
  record.to_tag = s_.token;
  const bool reliable = in.source.reliable();
  if (request.is("INVITE")) {
    record.invite.emplace(request, reliable, s_.env->timers);
    (void)record.invite->on(sip::start{}, now_); // the only effect is the request we have
  } else {
    // Timer J is zero on a stream (RFC 3261 17.2.2); but a client whose connection broke asks again
    // over another, and then the answer has to be the same.
    record.other.emplace(request, false, s_.env->timers);
    (void)record.other->on(sip::start{}, now_);
  }
  s_.servers.push_back(std::move(record));
  return s_.servers.back().id;
}

// RFC 3261 8.2.1 to 8.2.2, in that order.
bool step::refused(transaction_id id) {
  const auto request = server(id)->request();
  const bool initial = request.to_tag().empty();
  const bool proxy = proxying(request);
  if (initial) {
    if (!proxy && !among(known_methods, request.method))
      return respond(id, 501, {{{"Allow", allowed_methods()}}, ""}), true;
    if (!proxy && among(only_in_dialogs, request.method)) return respond(id, 481), true;
    const auto uri = sip::parse_uri(request.request_uri);
    if (!uri || !uri->is_sip()) return respond(id, uri ? 416 : 400), true;
    // RFC 3261 8.2.2.2: the same request on two ways.
    for (const auto& other : s_.servers)
      if (!proxy && other.id != id && other.request().cseq() == request.cseq()
          && other.request().call_id() == request.call_id()
          && other.request().from_tag() == request.from_tag()
          && other.request().request_uri == request.request_uri)
        return respond(id, 482), true;
  }
  // RFC 3261 8.2.2.3; of a proxy 16.3 item 5: it minds what is required of proxies alone.
  std::string unknown;
  for (const auto option : request.headers(proxy ? "Proxy-Require" : "Require"))
    if (proxy || !sip::names_option(supported_list(), "Supported", option))
      unknown.append(unknown.empty() ? "" : ", ").append(option);
  if (!unknown.empty()) return respond(id, 420, {{{"Unsupported", unknown}}, ""}), true;
  // RFC 4028 9: an interval that is too short.
  const auto asked = sip::session_expires_of(request);
  if (!proxy && asked && asked->seconds < sip::session_minimum_s
      && (request.is("INVITE") || request.is("UPDATE")))
    return respond(id, 422, {{{"Min-SE", std::to_string(sip::session_minimum_s)}}, ""}), true;
  return false;
}

// True: there is an application now. Rules decide once per session.
bool step::choose_application(const sip::message& request) {
  if (s_.app) return true;
  const auto* rule = s_.env->rule_for(request);
  if (rule == nullptr) return false;
  auto made = make_application(*s_.env, rule->application, rule->settings);
  if (!made) return false;
  s_.app = std::move(*made);
  s_.application_name = rule->application;
  s_.settings = rule->settings;
  s_.kept = rule->kept;
  return true;
}

void step::take_initial(transaction_id id) {
  const auto request = server(id)->request();
  const auto key = directory_key_of(request);
  if (std::find(s_.keys.begin(), s_.keys.end(), key) == s_.keys.end()) s_.keys.push_back(key);
  if (refused(id)) return;
  if (admitted(id)) proceed_initial(id);
}

// What is admitted goes to its application.
void step::proceed_initial(transaction_id id) {
  const auto request = server(id)->request();
  const auto uri = sip::parse_uri(request.request_uri);
  if (request.is("OPTIONS") && uri && uri->user.empty() && !request.has("Route")) {
    // RFC 3261 11.2: about us. Not committed: any node would say the same.
    return respond(id, 200,
                   {{{"Allow", allowed_methods()},
                     {"Accept", "application/sdp"},
                     {"Supported", supported_options()}},
                    ""});
  }
  if (s_.quarantined) return respond(id, 500);
  if (!choose_application(request)) return respond(id, 404);
  if (!s_.app->proxies() && (request.is("INVITE") || request.is("SUBSCRIBE"))) {
    auto* record = server(id);
    record->dialog.value = ++s_.last_id;
    record->to_tag = tag_of(record->dialog);
  }
  to_application(id, false);
}

void step::take_in_dialog(transaction_id id) {
  const auto request = server(id)->request();
  if (s_.app && s_.app->proxies()) { // the dialog is somebody else's
    if (!refused(id) && admitted(id)) to_application(id, true);
    return;
  }
  const auto found = std::find_if(s_.dialogs.begin(), s_.dialogs.end(),
                                  [&](const auto& d) { return d.dialog.matches_request(request); });
  if (found == s_.dialogs.end() || found->bye_wanted) {
    const bool ours = s_.quarantined && !request.is("BYE"); // what made us fail is no lost dialog
    return respond(id, ours ? 500 : 481);                   // RFC 3261 12.2.2
  }
  const auto of = found->id;
  server(id)->dialog = of;
  if (refused(id)) return;
  if (admitted(id)) proceed_in_dialog(id);
}

void step::proceed_in_dialog(transaction_id id) {
  const auto* record = server(id);
  const auto request = record->request();
  const auto of = record->dialog;
  const auto proxy = record->proxy;
  if (s_.app && s_.app->proxies()) return to_application(id, true);
  auto* found = dialog(of);
  if (found == nullptr) return respond(id, 481); // it ended while its nonce was asked about
  if (request.is("INVITE")) {
    // RFC 3261 14.2: one INVITE at a time, in either direction.
    for (const auto& ours : s_.clients)
      if (ours.invite && ours.dialog == of && !ours.answered) {
        sometimes<"session: glare">();
        return respond(id, 491);
      }
    for (const auto& theirs : s_.servers)
      if (theirs.invite && theirs.dialog == of && theirs.id != id && !theirs.answered)
        return respond(id, 500, {{{"Retry-After", std::to_string(s_.random.next() % 11)}}, ""});
  }
  if (crosses(id)) return;
  if (request.is("PRACK") && !take_prack(id)) return respond(id, 481); // RFC 3262 3
  found = dialog(of);
  if (const auto status = found->dialog.on_request(request)) return respond(id, *status);
  found->offers.received_request(request);
  found->proxy = proxy;
  note_flow(*found, *server(id));
  if (request.is("BYE")) end_dialog(of);
  if (s_.app)
    to_application(id, true);
  else if (!request.is("BYE"))
    respond(id, 500);
  if (request.is("BYE")) respond(id, 200); // whatever the application thinks of it
}

// RFC 3311 5.2, RFC 3261 14.2: two offers at once.
bool step::crosses(transaction_id id) {
  const auto* record = server(id);
  const auto status = dialog(record->dialog)->offers.judge(record->request());
  if (!status) return false;
  content carried;
  if (*status == 500)
    carried.headers.push_back({"Retry-After", std::to_string(s_.random.next() % 11)});
  respond(id, *status, carried);
  return true;
}

void step::to_application(transaction_id id, bool in_dialog) {
  const auto* record = server(id);
  const auto request = without_our_credentials(record->request());
  const auto user = record->user; // records move while the application runs
  s_.app->on_request(*this, {.id = id,
                             .dialog = record->dialog,
                             .in_dialog = in_dialog,
                             .message = request,
                             .source = parse_flow(record->source).value_or(flow{}),
                             .user = user});
  if (request.is("INVITE")) trying(id);
}

// RFC 3261 8.2.6.1, 17.2.1: an INVITE not answered at once gets a 100. It stops the client from
// asking again: in class transaction it therefore waits until a successor knows of the call, though
// not for long.
void step::trying(transaction_id invite) {
  auto* record = server(invite);
  if (record == nullptr || record->answered || !record->invite->last_response().empty()) return;
  if (buggify<"session: no 100">()) return;
  auto out = outlet_of(*record, false);
  out.perishable = kept_as(applications::durability::transaction);
  run(record->invite->on(sip::from_user{sip::make_response(record->request(), 100)}, now_), out);
}

// RFC 3261 9.2.
void step::take_cancel(const sip::message& request, const received& in) {
  const auto key = sip::server_key(request);
  const auto cancelled = sip::cancelled_key(request);
  if (!key) return;
  const auto id = open(request, *key, in);
  const auto* invite = cancelled ? server(*cancelled) : nullptr;
  if (invite == nullptr || !invite->invite) return respond(id, 481);
  server(id)->to_tag = invite->to_tag;
  const auto what = invite->id;
  const bool too_late = invite->answered;
  respond(id, 200);
  sometimes<"session: a CANCEL came too late">(too_late);
  if (too_late || planted<"cancel-is-forgotten">()) return;
  if (s_.app) s_.app->on_cancel(*this, what);
  if (!s_.app || !s_.app->proxies()) respond(what, 487); // of a proxy, the callee does
}

// The ACK to a 2xx of ours. An ACK never gets an answer.
void step::take_ack(const sip::message& ack) {
  const auto number = ack.cseq();
  const auto d = std::find_if(s_.dialogs.begin(), s_.dialogs.end(),
                              [&](const auto& each) { return each.dialog.matches_request(ack); });
  if (!number || d == s_.dialogs.end() || planted<"ack-is-ignored">()) return;
  const auto of = d->id;
  const auto record = std::find_if(s_.servers.begin(), s_.servers.end(), [&](const auto& r) {
    return r.dialog == of && r.success && r.success->active()
           && r.success->cseq_number() == number->number;
  });
  if (record == s_.servers.end()) return; // a copy
  auto out = outlet_of(*record, false);
  out.timers.kind = timer_kind::success;
  run(record->success->on(sip::from_network{ack}, now_), out);
  d->offers.received_request(ack);
  commit_ = !planted<"ack-is-not-committed">(); // from here on the call is stable
  if (d->bye_wanted) {
    d->bye_wanted = false;
    send_in(of, "BYE");
  } else if (s_.app) {
    s_.app->on_ack(*this, of, ack);
  }
}

} // namespace holdfast::session
