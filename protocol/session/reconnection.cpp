// A peer whose connection is gone is looked for where it is registered now: a dialog is with an
// address of record, never with a connection (RFC 5626 5.3). Until it has come back the request is
// said again, as long as its transaction lives (timers B and F, 64*T1).
//
//   send_failed --> ask the registrar --> another flow: said there; the dialog goes on over it
//                                     --> registered, but the flow is the old one: again after T2
//                                     --> not registered here: transport error (RFC 3261 8.1.3.1)
#include "protocol/applications/location.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/session/step.hpp"
#include "protocol/sip/transport_rules.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

// Text of the flow: as it was registered, or where the URI leads.
std::string way_to(const applications::contact_location& contact) {
  return contact.destination.empty() ? destination_of(contact.uri) : contact.destination;
}

// Which of the contacts is the one that the dialog is with: its URI, or the only one of that user,
// for a client that connects from another port says so in its Contact. Its old binding stands until
// it expires; what leads over the flow that is gone is the answer only when there is no other.
const applications::contact_location* same_peer(const applications::location_reply& found,
                                                const sip::uri& target, const std::string& gone) {
  const applications::contact_location* of_user = nullptr;
  const applications::contact_location* before = nullptr;
  bool unclear = false;
  for (const auto& each : found.contacts) {
    const auto uri = sip::parse_uri(each.uri);
    if (!uri) continue;
    if (way_to(each) == gone) {
      before = &each;
      continue;
    }
    if (sip::equivalent(*uri, target)) return &each;
    if (uri->user.empty() || uri->user != target.user) continue;
    unclear = of_user != nullptr;
    of_user = &each;
  }
  return of_user == nullptr || unclear ? before : of_user;
}

} // namespace

// True: the registrar has been asked; what is to become of the request is decided by its answer.
bool step::look_up_again(client_record& record) {
  const auto& request = record.request();
  const auto way = parse_flow(record.destination);
  const auto peer = request.to();
  const bool within = record.in_dialog || (record.forwarded && !request.to_tag().empty());
  if (!within || record.answered || !way || !way->reliable() || !peer
      || !request.headers("Route").empty() || !s_.env->serves_domain(peer->uri.host))
    return false;
  if (record.location_question != 0) return true;
  const auto aor = sip::canonical_aor(peer->uri);
  const auto id = record.id;
  const auto asked =
      pose(directory_key_of_aor(aor),
           {question::subject::application,
            encode(applications::location_query{.aor = aor, .gruu = {}, .unknown = {}}),
            {}},
           applications::lookup_timeout);
  client(id)->location_question = asked;
  return true;
}

// The registrar has said where the peer of a request is now. False: nobody here has asked.
bool step::take_location(const answered& reply) {
  const auto record = std::find_if(s_.clients.begin(), s_.clients.end(), [&](const auto& r) {
    return r.location_question == reply.id && reply.id != 0;
  });
  if (record == s_.clients.end()) return false;
  record->location_question = 0;
  if (record->answered || record->finished()) return true;
  const auto target = sip::parse_uri(record->request().request_uri);
  const auto found = reply.what == answered::outcome::reply
                         ? decode<applications::location_reply>(reply.bytes)
                         : fail("nobody knows");
  const auto* peer = found && target ? same_peer(*found, *target, record->destination) : nullptr;
  const bool moving = reply.what == answered::outcome::timed_out;
  if (peer == nullptr && !moving) {
    fail_transport(*record);
    return true;
  }
  const auto destination = peer == nullptr ? record->destination : way_to(*peer);
  if (destination == record->destination) { // it has not come back yet
    s_.due.set({.kind = timer_kind::lost, .id = record->id.value, .name = {}},
               now_ + s_.env->timers.t2);
    return true;
  }
  sometimes<"session: a peer was found on another connection">();
  go_over(*record, destination);
  return true;
}

// The request goes where its peer is now, under the same branch, and so does what follows it.
void step::go_over(client_record& record, const std::string& destination) {
  const auto before = parse_flow(record.destination).value_or(flow{});
  const auto after = parse_flow(destination).value_or(flow{});
  record.destination = destination;
  if (auto* d = dialog(record.dialog)) {
    d->flow = after.reliable() ? destination : std::string{};
    commit_ = true;
  }
  if (after.over == before.over) return say_again(record);
  auto request = record.request();
  auto top = request.top_via().value();
  top.transport = to_string(after.over);
  top.host = s_.env->advertised_over(after.over).host;
  top.port = s_.env->advertised_over(after.over).port;
  request.replace_first("Via", sip::to_string(top));
  record.key = sip::client_key(request).value();
  const auto effects = begin(record, std::move(request));
  run(effects, outlet_of(record, false));
}

void step::fail_transport(client_record& record) {
  const auto out = outlet_of(record, false);
  run(record.invite ? record.invite->on(sip::transport_failed{}, now_)
                    : record.other->on(sip::transport_failed{}, now_),
      out);
}

} // namespace holdfast::session
