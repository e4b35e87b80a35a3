#include "protocol/applications/b2bua.hpp"

#include "protocol/core/buggify.hpp"
#include "protocol/session/directory_key.hpp"

#include <algorithm>

namespace holdfast::applications {

namespace {

constexpr unsigned ring_timeout_s_max = 3600;
constexpr unsigned ring_timeout_s_default = 180; // RFC 3261 16.6, timer C
constexpr duration lookup_timeout = 2s;          // design, "Location"

std::string ring_timer(const attempt& a) {
  return "ring " + std::to_string(a.from.value);
}

result<unsigned> ring_timeout(const settings& given) {
  return number_setting(given, "ring_timeout_s", 1, ring_timeout_s_max, ring_timeout_s_default);
}

// "host:port" or a SIP URI.
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

// From or To as it goes on: without the tag, which belongs to the other dialog.
std::string without_tag(const result<sip::name_addr>& address) {
  if (!address) return {};
  auto copy = *address;
  sip::remove_param(copy.params, "tag");
  return sip::to_string(copy);
}

// RFC 3261 16.7 step 6: a 6xx decides, then the lower class; the earlier of equals.
int better(int a, int b) {
  if (a == 0 || b >= 600) return b;
  return a < 600 && b / 100 < a / 100 ? b : a;
}

// RFC 3261 16.7: our caller must not hear 503 because one callee is overloaded.
int outward(int status) {
  return status == 503 ? 500 : status;
}

} // namespace

result<void> b2bua::check(const settings& given) {
  if (auto fine = only_settings(given, {"target", "ring_timeout_s"}); !fine) return fine;
  if (const auto ring = ring_timeout(given); !ring) return tl::make_unexpected(ring.error());
  const auto target = given.find("target");
  if (target != given.end() && !target_uri(target->second))
    return fail("target is \"" + target->second
                + "\"; write host:port or a SIP URI, as in \"127.0.0.1:5090\"");
  return {};
}

void b2bua::on_request(context& session, const incoming_request& request) {
  if (request.message.max_forwards() == 0U) return session.respond(request.id, 483);
  if (request.in_dialog) return in_dialog(session, request);
  if (!request.message.is("INVITE") && !request.message.is("MESSAGE"))
    return session.respond(request.id, 405, {{{"Allow", "INVITE, ACK, CANCEL, BYE, MESSAGE"}}, ""});
  begin(session, request);
}

// ---- a request that looks for its callee
// ---------------------------------------------------------

void b2bua::begin(context& session, const incoming_request& request) {
  attempt a;
  a.from = request.id;
  a.caller = request.dialog;
  a.request = request.message;
  auto uri = sip::parse_uri(request.message.request_uri);
  if (!uri) return session.respond(request.id, 400);
  const auto fixed = session.rule().find("target");
  if (fixed != session.rule().end()) {
    auto target = target_uri(fixed->second);
    if (!target) return session.respond(request.id, 500);
    if (target->user.empty()) target->user = uri->user;
    a.left.push_back({.uri = sip::to_string(*target), .destination = {}, .unknown = {}});
    attempts.push_back(std::move(a));
    return try_next(session, attempts.back());
  }
  const auto aor = sip::canonical_aor(*uri);
  a.question = session.ask(session::directory_key_of_aor(aor),
                           encode(location_query{.aor = aor, .unknown = {}}), lookup_timeout);
  attempts.push_back(std::move(a));
}

void b2bua::on_answered(context& session, const session::answered& reply) {
  const auto a = std::find_if(attempts.begin(), attempts.end(),
                              [&](const auto& each) { return each.question == reply.id; });
  if (a == attempts.end()) return;
  a->question = 0;
  if (a->over) return (void)attempts.erase(a);
  using outcome = session::answered::outcome;
  if (reply.what == outcome::no_such_session) return give_up(session, *a, 404);
  // The shard is moving: the bindings are there, we just cannot read them now. Never a 404.
  if (reply.what == outcome::timed_out)
    return give_up(session, *a, 480, {{{"Retry-After", "2"}}, ""});
  auto found = decode<location_reply>(reply.bytes);
  if (!found) return give_up(session, *a, 500);
  if (found->contacts.empty()) return give_up(session, *a, 480);
  a->left = std::move(found->contacts);
  try_next(session, *a);
}

// One contact after the other, best first; forking in parallel is for later.
void b2bua::try_next(context& session, attempt& a) {
  const auto hops = a.request.max_forwards().value_or(70);
  while (!a.left.empty()) {
    const auto contact = a.left.front();
    a.left.erase(a.left.begin());
    outgoing_request request{.method = a.request.method,
                             .request_uri = contact.uri,
                             .from = without_tag(a.request.from()),
                             .to = without_tag(a.request.to()),
                             .max_forwards = hops - 1,
                             .carried = carried_content(a.request),
                             .destination = std::nullopt};
    if (const auto where = parse_endpoint(contact.destination)) request.destination = *where;
    a.to = session.send(request);
    if (a.to == transaction_id{}) continue;
    if (a.request.is("INVITE"))
      session.set_timer(
          ring_timer(a),
          std::chrono::seconds{ring_timeout(session.rule()).value_or(ring_timeout_s_default)});
    return;
  }
  give_up(session, a, a.best == 0 ? 480 : a.best);
}

// Answers the caller and forgets the attempt, unless the callee still owes us a final response.
void b2bua::give_up(context& session, attempt& a, int status, content carried) {
  session.clear_timer(ring_timer(a));
  session.respond(a.from, outward(status), carried);
  a.over = true;
  std::erase_if(calls, [&](const pair& p) { return p.caller == a.caller; });
  const auto from = a.from;
  if (a.to == transaction_id{} && a.question == 0)
    std::erase_if(attempts, [&](const auto& each) { return each.from == from; });
}

void b2bua::attempt_answered(context& session, attempt& a, const incoming_response& response) {
  const auto status = response.status;
  if (status < 200) {
    if (a.over) return;
    if (response.dialog != dialog_id{}) {
      std::erase_if(calls, [&](const pair& p) { return p.caller == a.caller; });
      calls.push_back({a.caller, response.dialog});
    }
    return session.respond(a.from, status, carried_content(response.message));
  }
  if (status < 300) return attempt_succeeded(session, a, response);
  a.to = {};
  session.clear_timer(ring_timer(a));
  if (a.over) return give_up(session, a, 487); // forgets it: the caller has its answer
  a.best = better(a.best, status);
  // The caller has to answer a challenge, and a 6xx is about the callee wherever it is.
  const bool final = status == 401 || status == 407 || status >= 600;
  if (!final && !a.left.empty()) return try_next(session, a);
  if (a.best != status) return give_up(session, a, a.best);
  give_up(session, a, status, carried_content(response.message));
}

void b2bua::attempt_succeeded(context& session, attempt& a, const incoming_response& response) {
  const auto done = a;
  std::erase_if(attempts, [&](const auto& each) { return each.from == done.from; });
  session.clear_timer(ring_timer(done));
  sometimes<"b2bua: a 2xx crossed our CANCEL">(done.over);
  if (done.over) {
    // The 2xx crossed our CANCEL: the callee is in a call that nobody wants (RFC 3261 9.1).
    session.acknowledge(response.dialog);
    session.send_in(response.dialog, "BYE");
    return;
  }
  session.respond(done.from, response.status, carried_content(response.message));
  if (!done.request.is("INVITE")) return;
  std::erase_if(calls, [&](const pair& p) { return p.caller == done.caller; });
  calls.push_back({done.caller, response.dialog});
  settle(session, done.caller, response.dialog, !done.request.body.empty());
}

// The 2xx to an INVITE has gone to the asking side; who ACKs the answering side, and when?
void b2bua::settle(context& session, dialog_id asking, dialog_id answering, bool has_body) {
  if (has_body)
    session.acknowledge(answering);
  else
    late_offers.push_back(asking);
}

void b2bua::on_cancel(context& session, transaction_id invite) {
  session.respond(invite, 487);
  const auto a = std::find_if(attempts.begin(), attempts.end(),
                              [&](const auto& each) { return each.from == invite; });
  if (a == attempts.end()) {
    for (const auto& r : relays)
      if (r.from == invite) session.cancel(r.to);
    return;
  }
  session.cancel(a->to);
  give_up(session, *a, 487);
}

void b2bua::on_timer(context& session, const std::string& name) {
  const auto a = std::find_if(attempts.begin(), attempts.end(),
                              [&](const auto& each) { return ring_timer(each) == name; });
  if (a == attempts.end()) return;
  session.cancel(a->to);
  give_up(session, *a, 408);
}

// ---- a call that stands -------------------------------------------------------------------------

dialog_id b2bua::other_side(dialog_id dialog) const {
  for (const auto& p : calls) {
    if (p.caller == dialog) return p.callee;
    if (p.callee == dialog) return p.caller;
  }
  return {};
}

void b2bua::in_dialog(context& session, const incoming_request& request) {
  const auto& m = request.message;
  const auto other = other_side(request.dialog);
  if (m.is("BYE")) {
    session.respond(request.id, 200);
    if (planted<"bye-is-not-passed-on">()) return;
    return hang_up(session, request.dialog);
  }
  if (!session.alive(other)) return session.respond(request.id, 481);
  const auto to =
      session.send_in(other, m.method, carried_content(m), m.max_forwards().value_or(70) - 1);
  // The other side is in the middle of an INVITE of its own (RFC 3261 14.2).
  if (to == transaction_id{}) return session.respond(request.id, 491);
  relays.push_back({request.id, to, request.dialog, !m.body.empty()});
}

void b2bua::on_response(context& session, const incoming_response& response) {
  const auto a = std::find_if(attempts.begin(), attempts.end(),
                              [&](const auto& each) { return each.to == response.id; });
  if (a != attempts.end()) return attempt_answered(session, *a, response);
  const auto r = std::find_if(relays.begin(), relays.end(),
                              [&](const auto& each) { return each.to == response.id; });
  if (r == relays.end()) return;
  const auto waiting = *r;
  if (response.status >= 200) relays.erase(r);
  relay_answered(session, waiting, response);
}

void b2bua::relay_answered(context& session, const relay& r, const incoming_response& response) {
  if (response.status == 100) return;
  const bool accepted = response.status >= 200 && response.status < 300;
  if (accepted && response.method == "INVITE" && !session.alive(r.asking)) {
    session.acknowledge(response.dialog); // who asked has hung up meanwhile
  } else {
    session.respond(r.from, outward(response.status), carried_content(response.message));
    if (accepted && response.method == "INVITE")
      settle(session, r.asking, response.dialog, r.has_body);
  }
  // RFC 3261 12.2.1.2: a dialog that answers 481 or 408 is gone, and with it the call.
  if (const auto other = other_side(r.asking); other != dialog_id{} && !session.alive(other))
    hang_up(session, other);
}

void b2bua::on_ack(context& session, dialog_id dialog, const sip::message& ack) {
  if (std::erase(late_offers, dialog) == 0) return;
  session.acknowledge(other_side(dialog), carried_content(ack));
}

void b2bua::on_unacknowledged(context& session, dialog_id dialog) {
  session.send_in(dialog, "BYE");
  hang_up(session, dialog);
}

// One side is gone: the other goes too, whatever state it is in.
void b2bua::hang_up(context& session, dialog_id dialog) {
  const auto other = other_side(dialog);
  std::erase_if(calls, [&](const pair& p) { return p.caller == dialog || p.callee == dialog; });
  std::erase(late_offers, dialog);
  std::erase(late_offers, other);
  const auto a = std::find_if(attempts.begin(), attempts.end(),
                              [&](const auto& each) { return each.caller == dialog; });
  if (a == attempts.end()) return (void)session.send_in(other, "BYE");
  session.cancel(a->to); // the caller's BYE in an early dialog (RFC 3261 15)
  give_up(session, *a, 487);
}

} // namespace holdfast::applications
