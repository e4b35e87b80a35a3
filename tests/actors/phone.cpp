#include "phone.hpp"

#include "protocol/sip/parser.hpp"
#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>
#include <utility>

namespace phones {

namespace {

constexpr duration t1{500ms};
constexpr duration t2{4s};
constexpr const char* sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\n"
                            "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

} // namespace

phone::phone(simulations::simulation& run, endpoint at, std::string user)
    : run_{run}, at_{std::move(at)}, user_{std::move(user)} {
  run_.listen(at_, [this](const std::string& bytes) { on_datagram(bytes); });
  tag_ = unique("tag");
}

std::string phone::unique(const char* prefix) {
  return prefix + user_ + std::to_string(++next_);
}

sip::message phone::make(const std::string& method, const std::string& request_uri,
                         const request_options& with) {
  sip::message m;
  m.method = method;
  m.request_uri = request_uri;
  m.add("Via", "SIP/2.0/UDP " + to_string(at_) + ";branch=" + unique("z9hG4bK") + ";rport");
  m.add("Max-Forwards", "70");
  m.add("From", "<sip:" + user_ + "@example.com>;tag=" + tag_);
  m.add("To", remote_.empty() ? "<" + request_uri + ">" : remote_);
  m.add("Call-ID", call_id_);
  m.add("CSeq", std::to_string(++cseq_) + " " + method);
  m.add("Contact", "<" + uri() + ">");
  for (const auto& field : with.headers) m.add(field.name, field.value);
  m.body = with.body;
  return m;
}

std::string phone::enroll(unsigned expires_s) {
  if (call_id_.empty()) call_id_ = unique("registration-");
  auto m =
      make("REGISTER", "sip:example.com", {.headers = {{"Expires", std::to_string(expires_s)}}});
  m.set("To", "<sip:" + user_ + "@example.com>");
  return start(m, true);
}

std::string phone::invite(const std::string& uri, const request_options& with) {
  call_id_ = unique("call-");
  tag_ = unique("tag");
  remote_.clear();
  remote_target_.clear();
  auto options = with;
  options.body = sdp;
  options.headers.push_back({"Content-Type", "application/sdp"});
  return start(make("INVITE", uri, options), !with.answered_once);
}

std::string phone::in_dialog(const std::string& method, const request_options& with) {
  return start(make(method, remote_target_, with), !with.answered_once);
}

// RFC 3261 9.1.
std::string phone::cancel(const std::string& invite) {
  auto request = sip::make_cancel(sent_.at(invite).request);
  const auto branch = request.top_via()->branch() + "-cancel"; // to tell its answer apart
  sent_[branch].request = request;
  transmit(request);
  repeat(branch, t1, 64 * t1);
  return branch;
}

std::string phone::start(const sip::message& request, bool repeated) {
  const auto branch = request.top_via()->branch();
  sent_[branch].request = request;
  transmit(request);
  if (repeated) repeat(branch, t1, 64 * t1);
  return branch;
}

void phone::repeat(const std::string& branch, duration interval, duration left) {
  if (left <= duration{}) return;
  run_.after(interval, [=, this] {
    const auto& t = sent_.at(branch);
    const bool invite = t.request.is("INVITE");
    if (!t.finals.empty() || (invite && t.provisional)) return;
    transmit(t.request);
    repeat(branch, invite ? 2 * interval : std::min(2 * interval, t2), left - interval);
  });
}

void phone::transmit(const sip::message& m) {
  run_.send(at_, sip::to_bytes(m));
}

int phone::status(const std::string& branch) const {
  const auto& finals = sent_.at(branch).finals;
  return finals.empty() ? 0 : *finals.begin();
}

bool phone::rings(const std::string& branch) const {
  return sent_.at(branch).rings;
}

bool phone::in_progress(const std::string& branch) const {
  return sent_.at(branch).provisional;
}

std::set<int> phone::statuses(const std::string& branch) const {
  return sent_.at(branch).finals;
}

std::size_t phone::seen(const std::string& method) const {
  const auto found = seen_.find(method);
  return found == seen_.end() ? 0 : found->second;
}

std::string phone::remote_token() const {
  const auto uri = sip::parse_uri(remote_target_);
  return uri ? uri->user : std::string{};
}

bool phone::consistent() const {
  return std::all_of(sent_.begin(), sent_.end(),
                     [](const auto& t) { return t.second.finals.size() <= 1; });
}

void phone::on_datagram(const std::string& bytes) {
  const auto m = sip::parse(bytes);
  if (!m) return;
  if (m->is_response())
    on_response(*m);
  else
    on_request(*m);
}

void phone::on_response(const sip::message& response) {
  const bool to_cancel = response.cseq() && response.cseq()->method == "CANCEL";
  const auto found = sent_.find(response.top_via()->branch() + (to_cancel ? "-cancel" : ""));
  if (found == sent_.end()) return;
  auto& t = found->second;
  if (response.status < 200) {
    t.provisional = true;
    t.rings = t.rings || response.status == 180;
    return;
  }
  t.finals.insert(response.status);
  if (t.request.is("INVITE")) acknowledge(response);
}

void phone::acknowledge(const sip::message& response) {
  const bool accepted = response.status < 300;
  sip::message ack;
  ack.method = "ACK";
  const auto& invite = sent_.at(response.top_via()->branch()).request;
  if (accepted) {
    remote_ = std::string{*response.header("To")};
    remote_target_ = to_string(response.contacts()->front().uri);
  }
  ack.request_uri = accepted ? remote_target_ : invite.request_uri;
  ack.add("Via", accepted ? "SIP/2.0/UDP " + to_string(at_) + ";branch=" + unique("z9hG4bK")
                          : std::string{*invite.header("Via")});
  ack.add("Max-Forwards", "70");
  ack.add("From", std::string{*response.header("From")});
  ack.add("To", std::string{*response.header("To")});
  ack.add("Call-ID", call_id_);
  ack.add("CSeq", std::to_string(invite.cseq()->number) + " ACK");
  transmit(ack);
}

void phone::on_request(const sip::message& request) {
  const auto call = request.call_id() + std::to_string(request.cseq()->number);
  if (request.is("ACK")) {
    acknowledged_.insert(call);
    return;
  }
  const auto key = request.top_via()->branch() + request.method;
  if (const auto again = answered_.find(key); again != answered_.end()) {
    run_.send(at_, again->second);
    return;
  }
  ++seen_[request.method];
  if (request.is("INVITE")) return on_invite(request, key, call);
  if (request.is("BYE")) in_call_ = false;
  run_.send(at_, answered_[key] = sip::to_bytes(sip::make_response(request, 200, "", tag_)));
  if (request.is("CANCEL")) on_cancel(request);
}

void phone::on_invite(const sip::message& request, const std::string& key,
                      const std::string& call) {
  if (const auto contact = request.contacts(); contact && !contact->empty())
    remote_target_ = to_string(contact->front().uri);
  const auto answer = [=, this](int status) {
    auto response = sip::make_response(request, status, "", tag_);
    response.set("Contact", "<" + uri() + ">");
    if (status == 200) {
      response.set("Content-Type", "application/sdp");
      response.body = sdp;
    }
    run_.send(at_, answered_[key] = sip::to_bytes(response));
  };
  const auto accept = [=, this] {
    if (ring_ > duration{} && ringing_.erase(key) == 0) return; // cancelled
    in_call_ = true;
    answer(200);
    repeat_answer(call, answered_[key], t1, 64 * t1);
  };
  if (ring_ == duration{}) return accept();
  ringing_[key] = request;
  answer(180);
  run_.after(ring_, accept);
}

// RFC 3261 9.2: what still rings ends with 487.
void phone::on_cancel(const sip::message& request) {
  const auto found = ringing_.find(request.top_via()->branch() + "INVITE");
  if (found == ringing_.end()) return;
  run_.send(at_, answered_[found->first] =
                     sip::to_bytes(sip::make_response(found->second, 487, "", tag_)));
  ringing_.erase(found);
}

void phone::repeat_answer(const std::string& call, const std::string& bytes, duration interval,
                          duration left) {
  if (left <= duration{}) return;
  run_.after(interval, [=, this] {
    if (acknowledged_.contains(call)) return;
    run_.send(at_, bytes);
    repeat_answer(call, bytes, std::min(2 * interval, t2), left - interval);
  });
}

std::vector<std::string> ask_until_served_by(simulations::simulation& run, phone& caller,
                                             const std::string& owner) {
  std::vector<std::string> asked;
  for (int i = 0; i < 400 && run.owner_of(caller.remote_token()) != owner; ++i) {
    asked.push_back(caller.in_dialog("INFO", {.answered_once = true}));
    run.run_for(500us);
  }
  return asked;
}

std::size_t unanswered(const phone& caller, const std::vector<std::string>& asked) {
  return static_cast<std::size_t>(std::count_if(
      asked.begin(), asked.end(), [&](const auto& branch) { return caller.status(branch) == 0; }));
}

} // namespace phones
