#include "protocol/applications/b2bua.hpp"

#include "protocol/core/buggify.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/sip/dialog_reference.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::applications {

namespace {

constexpr unsigned ring_timeout_s_max = 3600;
constexpr unsigned ring_timeout_s_default = 180; // RFC 3261 16.6, timer C
constexpr std::uint32_t redirections_max = 8;    // contacts of 3xx that one attempt follows

std::string ring_timer(const attempt& a) {
  return "ring " + std::to_string(a.from.value);
}

result<unsigned> ring_timeout(const settings& given) {
  return number_setting(given, "ring_timeout_s", 1, ring_timeout_s_max, ring_timeout_s_default);
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
  if (auto fine = only_settings(given, {"target", "ring_timeout_s", "redirect"}); !fine)
    return fine;
  if (const auto policy = given.find("redirect");
      policy != given.end() && policy->second != "pass" && policy->second != "follow")
    return fail("redirect is \"" + policy->second + "\"; write pass or follow");
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
  const auto& method = request.message.method;
  if (method != "INVITE" && method != "MESSAGE" && method != "OPTIONS" && method != "REFER")
    return session.respond(request.id, 405,
                           {{{"Allow", "INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, REFER"}}, ""});
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
  if (begin_takeover(session, a)) return;
  const auto fixed = session.rule().find("target");
  if (fixed != session.rule().end()) {
    auto target = target_uri(fixed->second);
    if (!target) return session.respond(request.id, 500);
    if (target->user.empty()) target->user = uri->user;
    a.left.push_back({.uri = sip::to_string(*target), .destination = {}});
    attempts.push_back(std::move(a));
    return try_next(session, attempts.back());
  }
  a.question = ask_location(session, *uri);
  if (a.question == 0) return session.respond(request.id, 404);
  attempts.push_back(std::move(a));
}

void b2bua::on_answered(context& session, const session::answered& reply) {
  const auto a = std::find_if(attempts.begin(), attempts.end(),
                              [&](const auto& each) { return each.question == reply.id; });
  if (a == attempts.end()) return;
  a->question = 0;
  if (a->over) return (void)attempts.erase(a);
  if (!a->taken_over.name.empty()) return takeover_found(session, *a, reply);
  using outcome = session::answered::outcome;
  if (reply.what == outcome::no_such_session) return give_up(session, *a, 404);
  // The shard is moving: the bindings are there, we just cannot read them now. Never a 404.
  if (reply.what == outcome::timed_out)
    return give_up(session, *a, 480, {{{"Retry-After", "2"}}, ""});
  auto found = decode<location_reply>(reply.bytes);
  if (!found) return give_up(session, *a, 500);
  if (found->contacts.empty()) return give_up(session, *a, found->nobody ? 404 : 480);
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
    if (const auto where = parse_flow(contact.destination)) request.destination = *where;
    request.routes = contact.path;
    request.carried.reliable = a.request.is("INVITE") && session.supports_100rel(a.from);
    if (!a.taken_over.name.empty()) {
      request.carried.headers.push_back(a.taken_over);
      request.carried.headers.push_back(
          {"Require", sip::text::to_lower(a.taken_over.name)}); // or it would just ring
    }
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
  forget_pairs(a);
  const auto from = a.from;
  if (a.to == transaction_id{} && a.question == 0)
    std::erase_if(attempts, [&](const auto& each) { return each.from == from; });
}

void b2bua::attempt_answered(context& session, attempt& a, const incoming_response& response) {
  const auto status = response.status;
  if (status < 200) {
    if (!a.over) ringing(session, a, response);
    return;
  }
  if (status < 300) return attempt_succeeded(session, a, response);
  a.to = {};
  session.clear_timer(ring_timer(a));
  if (a.over) return give_up(session, a, 487); // forgets it: the caller has its answer
  a.best = better(a.best, status);
  // The caller has to answer a challenge, and a 6xx is about the callee wherever it is.
  const auto policy = session.rule().find("redirect");
  if (status / 100 == 3 && policy != session.rule().end() && policy->second == "follow"
      && follow(a, response.message))
    return try_next(session, a);
  const bool final = status == 401 || status == 407 || status >= 600;
  if (!final && !a.left.empty()) return try_next(session, a);
  if (a.best != status) return give_up(session, a, a.best);
  give_up(session, a, status, carried_content(response.message));
}

// A callee that rings: in one more dialog, if it has forked.
void b2bua::ringing(context& session, attempt& a, const incoming_response& response) {
  auto carried = carried_content(response.message);
  carried.reliable = response.reliable && session.supports_100rel(a.from);
  if (response.reliable && !carried.reliable) session.prack(a.to, response.dialog);
  const auto as =
      response.dialog == dialog_id{} ? a.caller : caller_side(session, a, response.dialog);
  session.respond_in(a.from, as, response.status, carried);
}

// The caller's dialog that belongs to this one of the callee's.
dialog_id b2bua::caller_side(context& session, attempt& a, dialog_id callee) {
  if (const auto known = other_side(callee); known != dialog_id{}) return known;
  const bool taken = std::any_of(calls.begin(), calls.end(), [&](const pair& p) {
    return p.caller == a.caller && session.alive(p.callee);
  });
  if (!taken) std::erase_if(calls, [&](const pair& p) { return p.caller == a.caller; });
  const auto caller = taken ? session.fork(a.from) : a.caller;
  if (taken) a.forks.push_back(caller);
  calls.push_back({caller, callee});
  return caller;
}

void b2bua::forget_pairs(const attempt& a) {
  std::erase_if(calls, [&](const pair& p) {
    return p.caller == a.caller
           || std::find(a.forks.begin(), a.forks.end(), p.caller) != a.forks.end();
  });
}

// RFC 3261 8.1.3.4: true if there is a contact to try that was not known.
bool b2bua::follow(attempt& a, const sip::message& redirection) const {
  const auto contacts = redirection.contacts();
  bool any = false;
  if (!contacts) return false;
  for (const auto& contact : *contacts) {
    if (!contact.uri.is_sip() || a.redirections >= redirections_max) continue;
    ++a.redirections;
    a.left.push_back({.uri = sip::to_string(contact.uri),
                      .q_milli = static_cast<std::uint32_t>(contact.q()),
                      .destination = {}});
    any = true;
  }
  return any;
}

void b2bua::attempt_succeeded(context& session, attempt& a, const incoming_response& response) {
  auto done = a;
  std::erase_if(attempts, [&](const auto& each) { return each.from == done.from; });
  session.clear_timer(ring_timer(done));
  sometimes<"b2bua: a 2xx crossed our CANCEL">(done.over);
  if (done.over) {
    // The 2xx crossed our CANCEL: the callee is in a call that nobody wants (RFC 3261 9.1).
    session.acknowledge(response.dialog);
    session.send_in(response.dialog, "BYE");
    return;
  }
  if (!done.request.is("INVITE"))
    return session.respond(done.from, response.status, carried_content(response.message));
  const auto caller = caller_side(session, done, response.dialog);
  session.respond_in(done.from, caller, response.status, carried_content(response.message));
  forget_pairs(done);
  calls.push_back({caller, response.dialog});
  settle(session, caller, response.dialog, !done.request.body.empty());
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
  // It refreshes this dialog, and says nothing to the other one (RFC 4028 7.4, RFC 3311).
  if (m.is("UPDATE") && m.body.empty()) return session.respond(request.id, 200);
  if (!session.alive(other)) return session.respond(request.id, 481);
  const auto ringing_in = std::find_if(attempts.begin(), attempts.end(), [&](const auto& each) {
    return each.caller == request.dialog
           || std::find(each.forks.begin(), each.forks.end(), request.dialog) != each.forks.end();
  });
  const bool acknowledges = m.is("PRACK") && ringing_in != attempts.end();
  // The callee has answered meanwhile: it does not wait for this any more.
  if (m.is("PRACK") && !acknowledges) return session.respond(request.id, 200);
  auto carried = carried_content(m);
  for (auto& field : carried.headers)
    if (sip::text::same(field.name, "Event"))
      field.value = transfers.translated(request.dialog, field.value);
  const auto to =
      acknowledges ? session.prack(ringing_in->to, other, carried)
                   : session.send_in(other, m.method, carried, m.max_forwards().value_or(70) - 1);
  // The other side is in the middle of an INVITE of its own (RFC 3261 14.2).
  if (to == transaction_id{}) return session.respond(request.id, 491);
  const auto cseq = m.is("REFER") ? m.cseq().value_or(sip::cseq{}).number : 0;
  relays.push_back({request.id, to, request.dialog, !m.body.empty(), cseq});
  if (m.is("REFER")) transfers.passed_on({request.dialog, cseq, other, session.cseq_of(to)});
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
  if (r.refer_cseq != 0) transfers.answered(r.asking, r.refer_cseq, response.message);
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

void b2bua::on_expired(context& session, dialog_id dialog) {
  session.send_in(dialog, "BYE");
  hang_up(session, dialog);
}

// ---- Replaces and Join
// ----------------------------------------------------------------------------

// True: the INVITE names a dialog, whose session has been asked, or it was answered.
bool b2bua::begin_takeover(context& session, attempt& a) {
  const auto* name = a.request.has("Replaces") ? "Replaces" : "Join";
  const auto value = a.request.header(name);
  if (!value || !a.request.is("INVITE")) return false;
  const auto named = sip::parse_dialog_reference(*value);
  // RFC 3891 3, RFC 3911 4: not both, and one that can be read.
  if (!named || (a.request.has("Replaces") && a.request.has("Join")))
    return session.respond(a.from, 400), true;
  a.question = session.ask_session(
      named->to_tag, encode(takeover_question{named->call_id, named->to_tag, named->from_tag}),
      lookup_timeout);
  if (a.question == 0) return session.respond(a.from, 481), true;
  a.taken_over = {name, named->early_only ? "early-only" : ""};
  attempts.push_back(std::move(a));
  return true;
}

// The session that holds the named dialog says who is at the other side.
std::string b2bua::on_asked(context& session, const std::string& bytes) {
  takeover_answer said;
  const auto asked = decode<takeover_question>(bytes);
  if (!asked) return encode(said);
  const auto named = session.dialog_named({asked->call_id, asked->from_tag, asked->to_tag});
  if (named == dialog_id{}) return encode(said);
  const auto here = session.names_of(named);
  const auto there = session.names_of(other_side(named));
  if (!here || !there) return encode(said);
  said.found = true;
  said.confirmed = here->confirmed;
  said.uri = there->target;
  said.destination = there->destination;
  said.reference = sip::to_string(
      sip::dialog_reference{there->call_id, there->their_tag, there->our_tag, false});
  return encode(said);
}

void b2bua::takeover_found(context& session, attempt& a, const session::answered& reply) {
  using outcome = session::answered::outcome;
  // Its shard is moving, and the call with it: never a 481 while it has a copy.
  if (reply.what == outcome::timed_out)
    return give_up(session, a, 500, {{{"Retry-After", "2"}}, ""});
  const auto said = reply.what == outcome::reply ? decode<takeover_answer>(reply.bytes)
                                                 : result<takeover_answer>{fail("no session")};
  if (!said || !said->found) return give_up(session, a, 481);
  if (said->confirmed && a.taken_over.value == "early-only") return give_up(session, a, 486);
  a.taken_over.value = said->reference;
  a.left.push_back({.uri = said->uri, .destination = said->destination});
  try_next(session, a);
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
  const auto a = std::find_if(attempts.begin(), attempts.end(), [&](const auto& each) {
    return each.caller == dialog
           || std::find(each.forks.begin(), each.forks.end(), dialog) != each.forks.end();
  });
  if (a == attempts.end()) return (void)session.send_in(other, "BYE");
  session.cancel(a->to); // the caller's BYE in an early dialog (RFC 3261 15)
  give_up(session, *a, 487);
}

} // namespace holdfast::applications
