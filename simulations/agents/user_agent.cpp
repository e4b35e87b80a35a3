#include "simulations/agents/user_agent.hpp"

#include "protocol/sip/parser.hpp"
#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/writer.hpp"
#include "simulations/simulation.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace holdfast::simulations {

namespace {

constexpr const char* sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\n"
                            "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
constexpr const char* throw_once = "throw-until:1";

std::string key_of(const sip::message& m) {
  const auto number = m.cseq();
  const auto method = number ? number->method : m.method;
  return m.top_via()->branch() + " " + (method == "ACK" ? "INVITE" : method);
}

unsigned number_in(const sip::message& m) {
  const auto text = m.header("X-Call");
  return text ? static_cast<unsigned>(std::strtoul(std::string{*text}.c_str(), nullptr, 10)) : 0;
}

std::string of_success(const std::string& call_id, std::uint32_t cseq) {
  return call_id + " " + std::to_string(cseq);
}

} // namespace

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
  auto m = make(method, end->remote_target, end->remote, end->local_tag, end->call_id, ++end->cseq);
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
  start(make("BYE", end->remote_target, end->remote, end->local_tag, end->call_id, ++end->cseq));
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

void user_agent::timed_out(const client_transaction& t) {
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
  const auto end = ends_.find(t.call_id);
  if (end == ends_.end() || !t.request.is("BYE")) return;
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

void user_agent::succeeded(const sip::message& invite, const sip::message& response,
                           call_end& end) {
  const auto* plan = plans_(end.number);
  const bool initial = invite.to_tag().empty();
  if (initial && plan != nullptr && !plan->acknowledges) {
    if (end.status == 0) end.status = response.status, end.answered_at = run_.now();
    return;
  }
  const auto key = of_success(end.call_id, invite.cseq()->number);
  if (const auto again = acks_.find(key); again != acks_.end()) {
    transmit(*sip::parse(again->second), again->second);
    return;
  }
  if (const auto contacts = response.contacts(); contacts && !contacts->empty())
    end.remote_target = to_string(contacts->front().uri);
  if (initial) {
    end.remote = std::string{*response.header("To")};
    end.remote_tag = response.to_tag();
  }
  auto ack =
      make("ACK", end.remote_target, end.remote, end.local_tag, end.call_id, invite.cseq()->number);
  ack.remove("Contact");
  acks_[key] = sip::to_bytes(ack);
  transmit(ack, acks_[key]);
  if (!initial || end.state == call_end::phase::ended) return;
  end.status = response.status;
  end.answered_at = run_.now();
  stands(end);
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
  const bool alone = plan->callee == "answer" || plan->callee == "alarm";
  if (plan->hangs_up == end.at || (alone && end.at == side::caller))
    run_.after(plan->holds, [this, number] { hang_up(number); });
}

// ---- as server

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
  auto* end = dialog_of(request);
  if (end == nullptr) return respond(key, 481, request.to_tag());
  if (request.is("BYE")) {
    end->state = call_end::phase::ended;
    end->bye_received_at = run_.now();
  }
  respond(key, 200, end->local_tag);
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
    respond(key, 180, tag);
    run_.after(plan->rings, [this, key] { answer_call(key); });
  } else {
    answer_call(key);
  }
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

void user_agent::respond(const std::string& key, int status, const std::string& tag) {
  auto& s = servers_.at(key);
  auto response = sip::make_response(s.request, status, "", tag);
  if (s.request.is("INVITE") && status < 300) {
    response.add("Contact", "<" + uri() + ">");
    if (status >= 200) {
      response.add("Content-Type", "application/sdp");
      response.body = sdp;
    }
  }
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
