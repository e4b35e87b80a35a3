// The user agent as subscriber: RFC 6665 4.1, with the documents of RFC 3680.
#include "protocol/sip/parser.hpp"
#include "simulations/agents/user_agent.hpp"
#include "simulations/simulation.hpp"

#include <cstdlib>

namespace holdfast::simulations {

namespace {

std::uint32_t version_in(const std::string& document) {
  constexpr std::string_view name = " version=\"";
  auto at = document.find("<reginfo");
  if (at != std::string::npos) at = document.find(name, at);
  if (at == std::string::npos) return UINT32_MAX;
  return static_cast<std::uint32_t>(std::strtoul(document.c_str() + at + name.size(), nullptr, 10));
}

} // namespace

void user_agent::watch(const std::string& user) {
  const auto target = "sip:" + user + "@example.com";
  subscription s;
  s.agent = user_;
  s.user = user;
  s.call_id = unique("watch-");
  s.local_tag = unique("tag");
  s.remote = "<" + target + ">";
  s.remote_target = target;
  watched_ = s;
  subscribe(subscribed_for_s);
}

void user_agent::watch_again() {
  if (watched_ && watched_->stands()) subscribe(subscribed_for_s);
}

void user_agent::watch_no_more() {
  if (watched_ && watched_->stands()) subscribe(0);
}

void user_agent::subscribe(std::uint32_t expires_s) {
  auto& s = *watched_;
  auto m = make("SUBSCRIBE", s.remote_target, s.remote, s.local_tag, s.call_id, ++s.cseq);
  m.add("Event", "reg");
  m.add("Accept", "application/reginfo+xml");
  m.add("Expires", std::to_string(expires_s));
  if (expires_s != 0) s.wishes.push_back({run_.now(), m.top_via()->branch(), 0});
  start(m);
}

void user_agent::on_subscribed(const client_transaction& t, const sip::message& response) {
  if (!watched_ || watched_->call_id != t.call_id) return;
  for (auto& w : watched_->wishes)
    if (w.branch == t.request.top_via()->branch()) w.status = response.status;
  if (response.status >= 300 || !t.request.to_tag().empty()) return;
  watched_->remote = std::string{*response.header("To")};
  if (const auto contacts = response.contacts(); contacts && !contacts->empty())
    watched_->remote_target = to_string(contacts->front().uri);
}

// False: it is of no subscription of ours.
bool user_agent::on_notify(const std::string& key, const sip::message& notify) {
  if (!watched_ || notify.call_id() != watched_->call_id || notify.to_tag() != watched_->local_tag)
    return false;
  const auto state = notify.header("Subscription-State").value_or("");
  watched_->told.push_back(
      {run_.now(), notify.cseq()->number, version_in(notify.body), state.starts_with("active")});
  respond(key, 200, watched_->local_tag);
  return true;
}

} // namespace holdfast::simulations
