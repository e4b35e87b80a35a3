#include "simulations/agents/user_agent.hpp"

#include "protocol/sip/parser.hpp"
#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/session_timer.hpp"
#include "protocol/sip/writer.hpp"
#include "simulations/simulation.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::simulations {

namespace {

constexpr const char* throw_once = "throw-until:1";

std::string of_success(const sip::message& response) {
  return response.call_id() + " " + std::to_string(response.cseq()->number) + " "
         + response.to_tag();
}

} // namespace

std::string user_agent::key_of(const sip::message& m) {
  const auto number = m.cseq();
  const auto method = number ? number->method : m.method;
  return m.top_via()->branch() + " " + (method == "ACK" ? "INVITE" : method);
}

user_agent::user_agent(simulation& run, history& log, endpoint at, std::string user,
                       sip::timer_values timers, plan_lookup plans)
    : run_{run},
      log_{log},
      at_{std::move(at)},
      user_{std::move(user)},
      timers_{timers},
      plans_{std::move(plans)} {
  run_.listen(at_, [this](const std::string& bytes) { on_datagram(bytes); });
}

std::string user_agent::unique(const char* prefix) {
  return prefix + user_ + "-" + std::to_string(++next_);
}

const call_end* user_agent::end_of(unsigned number) const {
  const auto found = std::find_if(ends_.begin(), ends_.end(),
                                  [&](const auto& e) { return e.second.number == number; });
  return found == ends_.end() ? nullptr : &found->second;
}

// ---- what it wants

sip::message user_agent::make(const std::string& method, const std::string& request_uri,
                              const std::string& to, const std::string& from_tag,
                              const std::string& call_id, std::uint32_t cseq) {
  sip::message m;
  m.method = method;
  m.request_uri = request_uri;
  m.add("Via", "SIP/2.0/UDP " + to_string(at_) + ";branch=" + unique("z9hG4bK") + ";rport");
  m.add("Max-Forwards", "70");
  m.add("From", "<sip:" + user_ + "@example.com>;tag=" + from_tag);
  m.add("To", to);
  m.add("Call-ID", call_id);
  m.add("CSeq", std::to_string(cseq) + " " + method);
  if (method != "BYE") m.add("Contact", "<" + uri() + ">");
  return m;
}

// RFC 3261 12.2.1.1.
sip::message user_agent::make_in(call_end& end, const std::string& method) {
  auto m = make(method, end.remote_target, end.remote, end.local_tag, end.call_id, ++end.cseq);
  for (const auto& route : end.route_set) m.add("Route", route);
  return m;
}

void user_agent::enroll(std::uint32_t expires_s) {
  auto m = make("REGISTER", "sip:example.com", "<sip:" + user_ + "@example.com>",
                unique("registers"), "registration-" + user_, ++register_cseq_);
  m.add("Expires", std::to_string(expires_s));
  start(m);
}

void user_agent::place(const call_plan& plan) {
  call_end end;
  end.number = plan.number;
  end.agent = user_;
  end.call_id = unique("call-");
  end.local_tag = unique("tag");
  end.began = run_.now();
  const auto target = "sip:" + plan.callee + "@example.com";
  auto invite = make("INVITE", target, "<" + target + ">", end.local_tag, end.call_id, ++end.cseq);
  invite.add("X-Call", std::to_string(plan.number));
  invite.add("Content-Type", "application/sdp");
  if (plan.throws) invite.add("X-Drill", throw_once);
  if (plan.reliable) invite.add("Supported", "100rel");
  if (plan.session_s != 0) {
    invite.add("Supported", "timer");
    invite.add("Allow", "INVITE, ACK, CANCEL, BYE, INFO, UPDATE");
    invite.add("Session-Expires",
               to_string(sip::session_expires{plan.session_s, sip::refresher::uas}));
  }
  invite.body = sdp;
  end.remote_target = target;
  end.remote = "<" + target + ">";
  end.invite_cseq = end.cseq;
  end.invite_branch = invite.top_via()->branch();
  ends_.emplace(end.call_id, end);
  start(invite);
  if (plan.cancels_after)
    run_.after(*plan.cancels_after, [this, number = plan.number] { cancel(number); });
}

void user_agent::request_in(unsigned number, const std::string& method, bool throws) {
  auto* end = standing(number);
  if (end == nullptr || (method == "INVITE" && invite_open(*end))) return;
  auto m = make_in(*end, method);
  if (throws) m.add("X-Drill", throw_once);
  if (method == "INVITE") {
    m.add("Content-Type", "application/sdp");
    m.body = sdp;
  }
  start(m);
}

void user_agent::hang_up(unsigned number) {
  auto* end = standing(number);
  if (end == nullptr) return;
  end->bye_sent_at = run_.now();
  end->state = call_end::phase::ended;
  start(make_in(*end, "BYE"));
}

// RFC 3261 9.1: not before a provisional response; on_invite_response() comes back to it.
void user_agent::cancel(unsigned number) {
  const auto found = std::find_if(ends_.begin(), ends_.end(),
                                  [&](const auto& e) { return e.second.number == number; });
  if (found == ends_.end()) return;
  auto& end = found->second;
  if (end.at != side::caller || end.state != call_end::phase::calling) return;
  if (!end.cancelled_at) end.cancelled_at = run_.now();
  const auto& t = clients_.at(end.invite_branch + " INVITE");
  if (t.finished || !t.provisional) return;
  if (clients_.contains(end.invite_branch + " CANCEL")) return;
  start(sip::make_cancel(t.request));
}

void user_agent::leave() {
  leaves_ = true;
}

bool user_agent::at_rest() const {
  const auto over = [](const auto& e) { return e.second.state == call_end::phase::ended; };
  const auto answered = [](const auto& c) { return c.second.finished || c.second.given_up; };
  const auto settled = [](const auto& s) {
    return s.second.final && (s.second.acknowledged || !s.second.request.is("INVITE"));
  };
  return std::all_of(ends_.begin(), ends_.end(), over)
         && std::all_of(clients_.begin(), clients_.end(), answered)
         && std::all_of(servers_.begin(), servers_.end(), settled);
}

// Its battery is empty: it hears nothing and says nothing.
void user_agent::fall_silent(unsigned number) {
  auto* end = standing(number);
  if (end == nullptr) return;
  end->silent_at = run_.now();
  end->state = call_end::phase::ended;
}

call_end* user_agent::standing(unsigned number) {
  for (auto& [call_id, end] : ends_)
    if (end.number == number && end.in_call()) return &end;
  return nullptr;
}

bool user_agent::invite_open(const call_end& end) const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [&](const auto& c) {
                       return c.second.call_id == end.call_id && c.second.request.is("INVITE")
                              && !c.second.finished;
                     })
         || std::any_of(servers_.begin(), servers_.end(), [&](const auto& s) {
              return s.second.request.call_id() == end.call_id && s.second.request.is("INVITE")
                     && (!s.second.final || !s.second.acknowledged);
            });
}

// ---- as client

std::string user_agent::start(const sip::message& request) {
  const auto key = key_of(request);
  auto& t = clients_[key];
  t.request = request;
  t.call_id = request.call_id();
  transmit(request);
  repeat(key, timers_.t1, 64 * timers_.t1);
  return key;
}

// RFC 3261 17.1.1.2 timers A and B, 17.1.2.2 timers E and F.
void user_agent::repeat(const std::string& key, duration interval, duration left) {
  run_.after(std::min(interval, left), [=, this] {
    auto& t = clients_.at(key);
    const bool invite = t.request.is("INVITE");
    if (t.finished || (invite && t.provisional)) return;
    if (left <= interval) return timed_out(t);
    transmit(t.request);
    repeat(key, invite ? 2 * interval : std::min(2 * interval, timers_.t2), left - interval);
  });
}

void user_agent::timed_out(client_transaction& t) {
  t.given_up = true;
  const auto found = ends_.find(t.call_id);
  if (found == ends_.end()) return;
  auto& end = found->second;
  if (t.request.is("INVITE") && end.state == call_end::phase::calling)
    end.state = call_end::phase::ended;
}

void user_agent::transmit(const sip::message& m) {
  transmit(m, sip::to_bytes(m));
}

void user_agent::transmit(const sip::message& m, const std::string& bytes) {
  log_.push_back({run_.now(), passage::sent, user_, std::make_shared<const sip::message>(m),
                  std::hash<std::string>{}(bytes)});
  run_.send(at_, bytes);
}

void user_agent::on_datagram(const std::string& bytes) {
  const auto m = sip::parse(bytes);
  if (!m || !m->top_via()) return;
  const auto of = ends_.find(m->call_id());
  if (of != ends_.end() && of->second.silent_at) return;
  log_.push_back({run_.now(), passage::received, user_, std::make_shared<const sip::message>(*m),
                  std::hash<std::string>{}(bytes)});
  if (m->is_response())
    on_response(*m);
  else
    on_request(*m);
}

void user_agent::on_response(const sip::message& response) {
  const auto found = clients_.find(key_of(response));
  if (found == clients_.end()) return;
  auto& t = found->second;
  if (t.request.is("INVITE")) return on_invite_response(t, response);
  if (response.status < 200 || t.finished) return;
  t.finished = true;
  if (t.request.is("REGISTER")) enrolled_ = response.status;
  if (t.request.is("SUBSCRIBE")) on_subscribed(t, response);
  const auto end = ends_.find(t.call_id);
  const bool its_bye =
      end != ends_.end() && t.request.is("BYE") && t.request.to_tag() == end->second.remote_tag;
  if (!its_bye) return;
  end->second.bye_answered_at = run_.now();
  end->second.bye_status = response.status;
}

void user_agent::on_invite_response(client_transaction& t, const sip::message& response) {
  auto& end = ends_.at(t.call_id);
  const bool initial = t.request.to_tag().empty();
  if (response.status < 200) {
    t.provisional = true;
    if (!initial) return;
    end.provisional = true;
    if (sip::names_option(response, "Require", "100rel")) acknowledge_provisional(response, end);
    if (end.cancelled_at) cancel(end.number);
    return;
  }
  if (response.status >= 300) {
    acknowledge_failure(t.request, response);
    if (t.finished) return;
    t.finished = true;
    if (!initial) return;
    end.status = response.status;
    end.state = call_end::phase::ended;
    return;
  }
  t.finished = true;
  succeeded(t.request, response, end);
}

// RFC 3262 4: once, in the early dialog that it has made.
void user_agent::acknowledge_provisional(const sip::message& response, call_end& end) {
  const auto number = sip::rseq_of(response);
  if (!number || *number == end.pracked || end.state != call_end::phase::calling) return;
  end.pracked = *number;
  learn_remote(response, end);
  auto prack = make_in(end, "PRACK");
  prack.add("RAck", to_string(sip::rack{*number, end.invite_cseq, "INVITE"}));
  start(prack);
}

// RFC 3261 12.1.2.
void user_agent::learn_remote(const sip::message& response, call_end& end) {
  if (const auto contacts = response.contacts(); contacts && !contacts->empty())
    end.remote_target = to_string(contacts->front().uri);
  end.remote = std::string{*response.header("To")};
  end.remote_tag = response.to_tag();
  const auto routes = response.headers("Record-Route");
  end.route_set.assign(routes.rbegin(), routes.rend());
}

void user_agent::succeeded(const sip::message& invite, const sip::message& response,
                           call_end& end) {
  const auto* plan = plans_(end.number);
  const bool initial = invite.to_tag().empty();
  if (initial && plan != nullptr && !plan->acknowledges) {
    if (end.status != 0) return;
    end.status = response.status;
    end.answered_at = run_.now();
    return learn_remote(response, end);
  }
  const auto key = of_success(response);
  if (const auto again = acks_.find(key); again != acks_.end()) {
    transmit(*sip::parse(again->second), again->second);
    return;
  }
  const bool other = (end.answered_at && response.to_tag() != end.remote_tag) || end.status >= 300;
  if (initial && other) return decline(response, end);
  if (initial) {
    learn_remote(response, end);
  } else if (const auto contacts = response.contacts(); contacts && !contacts->empty()) {
    end.remote_target = to_string(contacts->front().uri);
  }
  acknowledge(response, end);
  if (!initial || end.state == call_end::phase::ended) return;
  end.status = response.status;
  end.answered_at = run_.now();
  stands(end);
}

// RFC 3261 13.2.2.4: one ACK a dialog, repeated byte for byte for each copy of its 2xx.
void user_agent::acknowledge(const sip::message& response, const call_end& end) {
  const auto number = response.cseq()->number;
  auto ack = make("ACK", end.remote_target, end.remote, end.local_tag, end.call_id, number);
  ack.remove("Contact");
  for (const auto& route : end.route_set) ack.add("Route", route);
  auto& bytes = acks_[of_success(response)];
  bytes = sip::to_bytes(ack);
  transmit(ack, bytes);
}

// A 2xx of another dialog than the one that stands, or to an INVITE that had failed: acknowledged,
// and ended by a BYE.
void user_agent::decline(const sip::message& response, const call_end& standing) {
  auto other = standing;
  other.cseq = standing.invite_cseq;
  learn_remote(response, other);
  acknowledge(response, other);
  start(make_in(other, "BYE"));
}

// RFC 3261 17.1.1.3.
void user_agent::acknowledge_failure(const sip::message& invite, const sip::message& response) {
  sip::message ack;
  ack.method = "ACK";
  ack.request_uri = invite.request_uri;
  ack.add("Via", std::string{*invite.header("Via")});
  ack.add("Max-Forwards", "70");
  ack.add("From", std::string{*invite.header("From")});
  ack.add("To", std::string{*response.header("To")});
  ack.add("Call-ID", invite.call_id());
  ack.add("CSeq", std::to_string(invite.cseq()->number) + " ACK");
  transmit(ack);
}

// From here on the call is stable; what the plan wants of it begins.
void user_agent::stands(call_end& end) {
  end.state = call_end::phase::standing;
  end.stood_at = run_.now();
  const auto* plan = plans_(end.number);
  if (plan == nullptr) return;
  const auto number = end.number;
  for (const auto& r : plan->requests)
    if (r.from == end.at)
      run_.after(r.after, [this, number, r] { request_in(number, r.method, r.throws); });
  if (plan->silent_after && end.at == side::caller)
    run_.after(*plan->silent_after, [this, number] { fall_silent(number); });
  if (plan->hangs_up == end.at || (!has_callee(*plan) && end.at == side::caller))
    run_.after(leaves_ ? duration{} : plan->holds, [this, number] { hang_up(number); });
}

} // namespace holdfast::simulations
