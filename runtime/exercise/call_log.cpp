#include "runtime/exercise/call_log.hpp"

#include "runtime/exercise/exercise_id.hpp"
#include "runtime/exercise/session_description.hpp"

namespace holdfast::exercise {

std::string_view to_string(party p) {
  return p == party::caller ? "caller" : "callee";
}

std::string_view to_string(belief b) {
  switch (b) {
  case belief::nothing:
    return "knows of no call";
  case belief::early:
    return "is ringing";
  case belief::answered:
    return "has answered and waits for the ACK";
  case belief::established:
    return "is in the call";
  case belief::ended:
    break;
  }
  return "has ended";
}

observation observe(const sip::message& m, party who, way direction, instant now) {
  observation o;
  o.at = now;
  o.who = who;
  o.direction = direction;
  o.status = m.status;
  if (const auto number = m.cseq()) {
    o.cseq = number->number;
    o.method = number->method;
  }
  if (const auto top = m.top_via()) o.branch = top->branch();
  o.call_id = m.call_id();
  o.from_tag = m.from_tag();
  o.to_tag = m.to_tag();
  if (const auto contacts = m.contacts(); contacts && !contacts->empty())
    o.contact = sip::to_string(contacts->front().uri);
  for (const auto route : m.headers("Record-Route")) {
    if (!o.record_route.empty()) o.record_route += ", ";
    o.record_route += route;
  }
  if (!m.body.empty()) o.origin = origin_line(m.body);
  if (m.is_request()) o.exercise_id = find_exercise_id(m);
  o.retry_after = m.is_response() && m.has("Retry-After");
  return o;
}

std::string label(const observation& o) {
  return o.is_request() ? o.method : std::to_string(o.status) + " (" + o.method + ")";
}

std::string call_log::call_id() const {
  for (const auto& o : seen)
    if (o.who == party::caller) return o.call_id;
  return {};
}

} // namespace holdfast::exercise
