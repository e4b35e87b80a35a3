// The user agent as server: RFC 3261 8.2, 13.3, 14.2, RFC 3262 3.
#include "protocol/sip/parser.hpp"
#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/session_timer.hpp"
#include "protocol/sip/writer.hpp"
#include "simulations/agents/user_agent.hpp"
#include "simulations/simulation.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace holdfast::simulations {

namespace {

unsigned number_in(const sip::message& m) {
  const auto text = m.header("X-Call");
  return text ? static_cast<unsigned>(std::strtoul(std::string{*text}.c_str(), nullptr, 10)) : 0;
}

} // namespace

call_end* user_agent::dialog_of(const sip::message& request) {
  const auto found = ends_.find(request.call_id());
  if (found == ends_.end()) return nullptr;
  auto& end = found->second;
  const bool fits = request.to_tag() == end.local_tag && request.from_tag() == end.remote_tag;
  return fits && end.state != call_end::phase::ended ? &end : nullptr;
}

void user_agent::on_request(const sip::message& request) {
  if (request.is("ACK")) return on_ack(request);
  const auto key = key_of(request);
  if (const auto again = servers_.find(key); again != servers_.end()) {
    if (!again->second.answer.empty())
      transmit(*sip::parse(again->second.answer), again->second.answer);
    return;
  }
  servers_[key].request = request;
  if (request.is("CANCEL")) return on_cancel(request);
  if (request.is("INVITE")) return on_invite(key, request);
  if (request.is("NOTIFY") && on_notify(key, request)) return;
  auto* end = dialog_of(request);
  if (end == nullptr) return respond(key, 481, request.to_tag());
  if (request.is("BYE")) {
    end->state = call_end::phase::ended;
    end->bye_received_at = run_.now();
  }
  if (request.is("PRACK"))
    for (auto& [other, s] : servers_)
      if (s.request.is("INVITE") && s.request.call_id() == request.call_id()) s.pracked = true;
  std::vector<sip::header_field> more;
  if (auto refreshed = sip::session_expires_of(request); refreshed && request.is("UPDATE")) {
    refreshed->who = sip::refresher::uac;
    more.push_back({"Session-Expires", to_string(*refreshed)});
  }
  respond(key, 200, end->local_tag, more);
}

void user_agent::on_ack(const sip::message& ack) {
  for (auto& [key, s] : servers_) {
    if (!s.request.is("INVITE") || s.request.call_id() != ack.call_id()
        || s.request.cseq()->number != ack.cseq()->number)
      continue;
    s.acknowledged = true;
    const auto end = ends_.find(ack.call_id());
    if (end != ends_.end() && end->second.state == call_end::phase::answered
        && end->second.invite_cseq == ack.cseq()->number)
      stands(end->second);
  }
}

void user_agent::on_cancel(const sip::message& request) {
  const auto invite = servers_.find(request.top_via()->branch() + " INVITE");
  if (invite == servers_.end()) return respond(key_of(request), 481, unique("tag"));
  const auto end = ends_.find(request.call_id());
  const auto tag = end == ends_.end() ? unique("tag") : end->second.local_tag;
  respond(key_of(request), 200, tag);
  if (invite->second.final) return;
  respond(invite->first, 487, tag);
  if (end == ends_.end() || end->second.invite_branch != request.top_via()->branch()) return;
  end->second.state = call_end::phase::ended;
  end->second.status = 487;
  end->second.cancelled_at = run_.now();
}

void user_agent::on_invite(const std::string& key, const sip::message& request) {
  if (request.to_tag().empty()) return on_new_call(key, request);
  auto* end = dialog_of(request);
  if (end == nullptr) return respond(key, 481, request.to_tag());
  // RFC 3261 14.2: not while we have one open.
  for (const auto& [ours, t] : clients_)
    if (t.call_id == end->call_id && t.request.is("INVITE") && !t.finished)
      return respond(key, 491, end->local_tag);
  respond(key, 200, end->local_tag);
}

void user_agent::on_new_call(const std::string& key, const sip::message& invite) {
  call_end end;
  end.number = number_in(invite);
  end.at = side::callee;
  end.agent = user_;
  end.call_id = invite.call_id();
  end.local_tag = unique("tag");
  end.remote = std::string{*invite.header("From")};
  end.remote_tag = invite.from_tag();
  if (const auto contacts = invite.contacts(); contacts && !contacts->empty())
    end.remote_target = to_string(contacts->front().uri);
  for (const auto route : invite.headers("Record-Route")) end.route_set.emplace_back(route);
  end.invite_branch = invite.top_via()->branch();
  end.invite_cseq = invite.cseq()->number;
  end.began = run_.now();
  const auto* plan = plans_(end.number);
  const auto tag = end.local_tag;
  auto& kept = ends_.emplace(end.call_id, std::move(end)).first->second;
  if (plan != nullptr && plan->rejects != 0) {
    kept.status = plan->rejects;
    kept.state = call_end::phase::ended;
    respond(key, plan->rejects, tag);
  } else if (plan != nullptr && plan->rings > duration{}) {
    ring(key, plan->reliable && sip::names_option(invite, "Supported", "100rel"));
    run_.after(plan->rings, [this, key] { answer_call(key); });
  } else {
    answer_call(key);
  }
}

void user_agent::ring(const std::string& key, bool reliably) {
  const auto& tag = ends_.at(servers_.at(key).request.call_id()).local_tag;
  if (!reliably) return respond(key, 180, tag);
  respond(key, 180, tag, {{"Require", "100rel"}, {"RSeq", "1"}});
  repeat_ringing(key, timers_.t1, 64 * timers_.t1);
}

// RFC 3262 3.
void user_agent::repeat_ringing(const std::string& key, duration interval, duration left) {
  run_.after(std::min(interval, left), [=, this] {
    const auto& s = servers_.at(key);
    if (s.pracked || s.final || left <= interval) return;
    transmit(*sip::parse(s.answer), s.answer);
    repeat_ringing(key, 2 * interval, left - interval);
  });
}

void user_agent::answer_call(const std::string& key) {
  auto& s = servers_.at(key);
  auto& end = ends_.at(s.request.call_id());
  if (s.final || end.state != call_end::phase::calling) return;
  end.state = call_end::phase::answered;
  end.status = 200;
  end.answered_at = run_.now();
  respond(key, 200, end.local_tag);
}

void user_agent::respond(const std::string& key, int status, const std::string& tag,
                         const std::vector<sip::header_field>& more) {
  auto& s = servers_.at(key);
  auto response = sip::make_response(s.request, status, "", tag);
  if (s.request.is("INVITE") && status < 300) {
    response.add("Contact", "<" + uri() + ">");
    if (status >= 200) {
      response.add("Content-Type", "application/sdp");
      response.body = sdp;
    }
  }
  for (const auto& field : more) response.add(field.name, field.value);
  s.answer = sip::to_bytes(response);
  s.final = status >= 200;
  transmit(response, s.answer);
  if (s.final && s.request.is("INVITE")) repeat_answer(key, timers_.t1, 64 * timers_.t1);
}

// RFC 3261 13.3.1.4 and 17.2.1 timer G. After 64*T1 without an ACK a call that was answered is
// over; a BYE would be polite and is left out: the cluster has to notice by itself.
void user_agent::repeat_answer(const std::string& key, duration interval, duration left) {
  run_.after(std::min(interval, left), [=, this] {
    const auto& s = servers_.at(key);
    if (s.acknowledged) return;
    if (left <= interval) {
      const auto end = ends_.find(s.request.call_id());
      if (end != ends_.end() && end->second.state == call_end::phase::answered)
        end->second.state = call_end::phase::ended;
      return;
    }
    transmit(*sip::parse(s.answer), s.answer);
    repeat_answer(key, std::min(2 * interval, timers_.t2), left - interval);
  });
}

} // namespace holdfast::simulations
