#include "runtime/exercise/registration.hpp"

#include "protocol/sip/text.hpp"
#include "protocol/sip/transport_rules.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::exercise {

namespace {
constexpr duration retry_delay = 2s;
constexpr int put_off_max = 3; // times, before it is said to have failed
} // namespace

registration::registration(std::uint32_t number, std::string host, const end_settings& settings,
                           std::uint32_t expires_s)
    : settings_{&settings},
      transactions_{settings.timers, settings.over},
      credentials_{settings.password},
      aor_{"sip:callee-" + std::to_string(number) + "@" + host},
      registrar_{"sip:" + host},
      contact_{"<"
               + sip::uri_over("callee-" + std::to_string(number), settings.address, settings.over,
                               false)
               + ">"},
      expires_s_{expires_s} {}

void registration::ask(name_source& names, instant now, step& out) {
  state_ = state_type::asking;
  send(expires_s_, names, now, out);
}

void registration::remove(name_source& names, instant now, step& out) {
  if (state_ != state_type::registered && state_ != state_type::asking) return;
  state_ = state_type::removing;
  ++refresh_generation_;
  send(0, names, now, out);
}

// RFC 3261 10.2: one Call-ID for all registrations of a user agent, CSeq one higher each time.
void registration::send(std::uint32_t expires_s, name_source& names, instant now, step& out) {
  if (call_id_.empty()) {
    call_id_ = names.name() + "@" + settings_->address.host;
    tag_ = names.name();
  }
  sip::via top;
  top.transport = to_string(settings_->over);
  top.host = settings_->address.host;
  top.port = settings_->address.port;
  sip::set_param(top.params, "branch", names.branch());
  sip::set_param(top.params, "rport", std::nullopt);
  sip::message m;
  m.method = "REGISTER";
  m.request_uri = registrar_;
  m.add("Via", sip::to_string(top));
  m.add("Max-Forwards", "70");
  m.add("From", "<" + aor_ + ">;tag=" + tag_);
  m.add("To", "<" + aor_ + ">");
  m.add("Call-ID", call_id_);
  m.add("CSeq", std::to_string(++cseq_) + " REGISTER");
  m.add("Contact", contact_);
  m.add("Expires", std::to_string(expires_s));
  asked_s_ = expires_s;
  credentials_.authorize(m, names);
  transactions_.send(m, settings_->outbound, now, out);
}

void registration::receive(const sip::message& m, name_source& names, instant now, step& out) {
  std::vector<news> up;
  transactions_.receive(m, {}, now, out, up);
  for (const auto& n : up)
    if (n.about.status >= 200) on_final(n.about, names, now, out);
}

void registration::on_final(const sip::message& m, name_source& names, instant now, step& out) {
  if (credentials_.take(m)) return send(asked_s_, names, now, out);
  const bool again = state_ == state_type::registered
                     || (state_ == state_type::asking && ++put_off_ <= put_off_max);
  if (m.status >= 500 && m.has("Retry-After") && again) {
    // RFC 3261 20.33: asked to come back; a binding lives on meanwhile.
    out.alarms.push_back({now + retry_delay, 0, 0, ++refresh_generation_});
    return;
  }
  if (m.status >= 300) return fail(std::to_string(m.status) + " " + m.reason);
  if (state_ == state_type::removing) {
    state_ = state_type::removed;
    return;
  }
  if (state_ == state_type::removed) return; // a refresh that was under way
  state_ = state_type::registered;
  auto granted = m.expires().value_or(expires_s_);
  if (const auto contacts = m.contacts())
    for (const auto& c : *contacts)
      if ("<" + sip::to_string(c.uri) + ">" == contact_) granted = c.expires().value_or(granted);
  const duration half = std::chrono::seconds{std::max(granted, 2U)} / 2;
  out.alarms.push_back({now + half, 0, 0, ++refresh_generation_});
}

void registration::fail(const std::string& why) {
  if (state_ == state_type::registered)
    complaint_ = why; // a refresh; the binding may still live
  else
    state_ = state_ == state_type::removing ? state_type::removed : state_type::failed;
  if (complaint_.empty()) complaint_ = why;
}

void registration::on_alarm(const alarm& a, name_source& names, instant now, step& out) {
  if (a.subject == 0) {
    if (a.generation == refresh_generation_
        && (state_ == state_type::registered || state_ == state_type::asking))
      send(expires_s_, names, now, out);
    return;
  }
  std::vector<news> up;
  transactions_.on_alarm(a, now, out, up);
  for (const auto& n : up)
    if (n.what == news::kind::timed_out) fail("no answer within 64*T1");
}

} // namespace holdfast::exercise
