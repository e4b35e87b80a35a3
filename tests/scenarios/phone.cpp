#include "tests/scenarios/phone.hpp"

#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/transport_rules.hpp"

#include <algorithm>
#include <stdexcept>

namespace scenarios {

namespace {

void add_headers(sip::message& m, const std::vector<std::string>& headers) {
  for (const auto& line : headers) {
    const auto colon = line.find(": ");
    if (colon == line.npos) throw std::runtime_error{"not a header field: " + line};
    m.add(line.substr(0, colon), line.substr(colon + 2));
  }
}

bool carries_offer(const std::string& method) {
  return method == "INVITE";
}

void describe_session(sip::message& m, const std::string& body) {
  m.body = body;
  m.set("Content-Type", "application/sdp");
}

} // namespace

flow hop_of(const std::string& uri) {
  const auto parsed = sip::parse_uri(uri);
  const auto target = parsed ? sip::target_of(*parsed) : fail("no URI");
  if (!target) throw std::runtime_error{"no address in " + uri};
  return *target;
}

std::string phone::session_description() {
  const auto version = std::to_string(++versions_);
  return "v=0\r\no=" + is_.name + " 1 " + version + " IN IP4 " + is_.at.host
         + "\r\ns=-\r\nc=IN IP4 " + is_.at.host + "\r\nt=0 0\r\nm=audio 49172 RTP/AVP 0\r\n";
}

void phone::stamp(sip::message& m) {
  m.prepend("Via", "SIP/2.0/" + std::string{to_string(is_.at.over)} + " " + is_.host + ":"
                       + std::to_string(is_.at.port) + ";branch=z9hG4bK-" + is_.name + "-"
                       + std::to_string(++branches_));
}

sip::message phone::prepared(const std::string& method, const std::string& uri) {
  sip::message m;
  m.method = method;
  m.request_uri = uri;
  stamp(m);
  m.add("Max-Forwards", "70");
  if (!is_.route.empty()) m.add("Route", is_.route);
  m.add("From", "<" + is_.aor + ">;tag=" + is_.name + "-" + std::to_string(++calls_));
  m.add("To", "<" + uri + ">");
  m.add("Call-ID", is_.name + "-call-" + std::to_string(calls_) + "@" + is_.host);
  m.add("CSeq", std::to_string(++cseq_) + " " + method);
  return m;
}

void phone::request(const std::string& method, const std::string& uri,
                    const std::vector<std::string>& headers) {
  auto m = prepared(method, uri);
  m.add("Contact", "<sip:" + is_.name + "@" + is_.host + ">");
  add_headers(m, headers);
  authorize(m);
  if (carries_offer(method)) describe_session(m, session_description());
  if (method == "INVITE") {
    invite_ = m;
    dialog_.reset();
  }
  last_ = m;
  last_to_ = is_.hop;
  send_(last_to_, m);
}

void phone::register_at(const std::string& uri, const std::string& contact,
                        const std::string& expires) {
  auto m = prepared("REGISTER", uri);
  m.set("To", "<" + is_.aor + ">");
  m.remove("Route");
  if (contact.empty())
    m.add("Contact", "<sip:" + is_.name + "@" + is_.host + ">");
  else if (contact == "*")
    m.add("Contact", "*");
  else if (contact != "none")
    m.add("Contact", "<" + contact + ">");
  if (!expires.empty()) m.add("Expires", expires);
  authorize(m);
  last_ = m;
  last_to_ = is_.hop;
  send_(last_to_, m);
}

void phone::send_in_dialog(sip::message m) {
  stamp(m);
  m.add("Max-Forwards", "70");
  last_to_ = hop_of(dialog_->next_hop());
  last_ = m;
  send_(last_to_, m);
}

void phone::in_dialog(const std::string& method) {
  if (!dialog_) throw std::runtime_error{is_.name + " has no dialog for a " + method};
  if (method == "ACK") {
    auto m = dialog_->make_ack(invite_.cseq()->number);
    stamp(m);
    m.add("Max-Forwards", "70");
    return send_(hop_of(dialog_->next_hop()), m);
  }
  dialog_->local_cseq = std::max(dialog_->local_cseq, cseq_);
  auto m = dialog_->make_request(method);
  cseq_ = dialog_->local_cseq;
  if (method == "INVITE") {
    m.add("Contact", "<sip:" + is_.name + "@" + is_.host + ">");
    describe_session(m, session_description());
  }
  send_in_dialog(std::move(m));
  if (method == "INVITE") invite_ = last_;
}

void phone::cancel() {
  send_(last_to_, sip::make_cancel(invite_));
}

void phone::repeat() {
  send_(last_to_, last_);
}

void phone::again(const std::string& password) {
  if (proofs_.empty()) throw std::runtime_error{is_.name + " was not asked for credentials"};
  for (auto& [realm, p] : proofs_)
    if (p.count == 0) p.password = password;
  auto m = last_;
  m.remove_first("Via");
  stamp(m);
  m.set("CSeq", std::to_string(++cseq_) + " " + m.method);
  authorize(m);
  if (dialog_ && !m.to_tag().empty()) dialog_->local_cseq = cseq_;
  if (m.is("INVITE")) invite_ = m;
  last_ = m;
  send_(last_to_, m);
}

void phone::authorize(sip::message& m) {
  m.remove("Authorization");
  m.remove("Proxy-Authorization");
  for (auto& [realm, p] : proofs_)
    m.add(p.by_proxy ? "Proxy-Authorization" : "Authorization",
          sip::to_string(sip::answer_to(
              p.asked, is_.name, sip::ha1_of(p.asked.algorithm, is_.name, realm, p.password),
              m.method, m.request_uri, m.body, "c" + std::to_string(cseq_), ++p.count)));
}

void phone::respond(int status, const std::string& reason, const std::string& method,
                    const std::vector<std::string>& headers) {
  const auto found = std::find_if(waiting_.rbegin(), waiting_.rend(), [&](const sip::message& m) {
    return method.empty() || m.method == method;
  });
  if (found == waiting_.rend())
    throw std::runtime_error{is_.name + " has nothing to answer with " + std::to_string(status)};
  const auto asked = *found;
  auto m = sip::make_response(asked, status, reason, is_.name + "-tag");
  const bool makes_dialog = asked.is("INVITE") && status > 100 && status < 300;
  if (makes_dialog) m.add("Contact", "<sip:" + is_.name + "@" + is_.host + ">");
  add_headers(m, headers);
  if (asked.is("INVITE") && status >= 200 && status < 300)
    describe_session(m, session_description());
  if (makes_dialog && asked.to_tag().empty() && !dialog_) {
    auto made = sip::make_uas_dialog(asked, m);
    if (!made) throw std::runtime_error{"no dialog: " + made.error().what};
    dialog_ = std::move(*made);
  }
  if (dialog_ && asked.is("INVITE") && status >= 200 && status < 300) dialog_->confirm();
  if (dialog_ && asked.is("BYE")) dialog_->terminate();
  if (status >= 200) waiting_.erase(std::next(found).base());
  send_(sip::way_back(*asked.top_via()), m);
}

void phone::deliver(const sip::message& m) {
  if (m.is_request())
    on_request(m);
  else
    on_response(m);
}

void phone::on_request(const sip::message& m) {
  if (m.is("ACK")) return;
  const auto same = [&](const sip::message& w) {
    return w.method == m.method && w.top_via()->branch() == m.top_via()->branch();
  };
  if (std::any_of(waiting_.begin(), waiting_.end(), same)) return; // a copy
  if (!m.to_tag().empty() && !m.is("CANCEL")) {
    if (!dialog_ || !dialog_->matches_request(m))
      complaints.push_back("is in no dialog with " + m.method);
    else if (const auto refused = dialog_->on_request(m))
      complaints.push_back("would refuse this with " + std::to_string(*refused));
  }
  waiting_.push_back(m);
}

void phone::on_response(const sip::message& m) {
  if (m.status == 401 || m.status == 407)
    for (const auto* name : {"WWW-Authenticate", "Proxy-Authenticate"})
      for (const auto value : m.headers(name))
        if (auto asked = sip::parse_challenge(value))
          proofs_[asked->realm] = {*asked, m.status == 407, {}, 0};
  const auto number = m.cseq();
  if (!number || number->method != "INVITE") {
    if (dialog_ && number && dialog_->matches_response(m)) dialog_->on_response(m);
    return;
  }
  if (m.status >= 300) {
    send_(last_to_, sip::make_non_2xx_ack(invite_, m));
  } else if (m.status > 100) {
    if (dialog_ && dialog_->matches_response(m)) {
      dialog_->on_response(m);
    } else if (auto made = sip::make_uac_dialog(invite_, m)) {
      dialog_ = std::move(*made);
    } else {
      complaints.push_back("gets no dialog of this: " + made.error().what);
    }
  }
}

} // namespace scenarios
