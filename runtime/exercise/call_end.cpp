// What both ends share: writing requests, the life inside the dialog, alarms.
#include "runtime/exercise/call_end.hpp"

#include "protocol/sip/text.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/uri.hpp"
#include "runtime/exercise/exercise_id.hpp"
#include "runtime/exercise/session_description.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::exercise {

namespace {

constexpr std::string_view allow = "INVITE, ACK, CANCEL, BYE, INFO, OPTIONS, UPDATE";
constexpr duration retry_after_max = 10s;
constexpr duration glare_wait = 2200ms; // RFC 3261 14.1: 2.1 to 4 s for the owner of the Call-ID
constexpr std::uint32_t max_forwards = 70;

bool carries_session(std::string_view method) {
  return method == "INVITE" || method == "UPDATE";
}

} // namespace

call_end::call_end(party who, std::uint32_t number, const end_settings& settings, end_traits traits)
    : settings_{&settings},
      traits_{std::move(traits)},
      who_{who},
      number_{number},
      user_{std::string{to_string(who)} + "-" + std::to_string(number)},
      transactions_{settings.timers, settings.over},
      credentials_{settings.password} {}

std::string call_end::next_id() {
  return make_exercise_id(settings_->run, number_, who_ == party::caller ? 'c' : 'd', ++requests_);
}

std::string call_end::contact() const {
  return "<" + sip::uri_over(user_, settings_->address, settings_->over, false) + ">";
}

// Via, Max-Forwards, Contact, and what every request of an exercise has on it.
void call_end::complete(sip::message& m, name_source& names) {
  sip::via top;
  top.transport = to_string(settings_->over);
  top.host = settings_->address.host;
  top.port = settings_->address.port;
  sip::set_param(top.params, "branch", names.branch());
  sip::set_param(top.params, "rport", std::nullopt);
  m.prepend("Max-Forwards", std::to_string(max_forwards));
  m.prepend("Via", sip::to_string(top));
  if (m.is("INVITE") || m.is("UPDATE") || m.is("OPTIONS")) {
    m.add("Contact", contact());
    m.add("Allow", std::string{allow});
  }
}

// RFC 3264 section 8: another version for every description that differs from the one before.
void call_end::put_session(sip::message& m, const std::string& id) {
  if (sdp_version_ == 0 || id != sdp_id_) ++sdp_version_;
  sdp_id_ = id;
  m.set("Content-Type", "application/sdp");
  m.body = to_text({user_, sdp_session_, sdp_version_, settings_->address.host, id});
}

endpoint call_end::where(const sip::dialog& d) const {
  const auto hop = sip::parse_uri(d.next_hop());
  if (!hop) return settings_->outbound;
  const auto target = sip::target_of(*hop);
  if (!target || target->over != settings_->over || !sip::is_numeric_host(target->host))
    return settings_->outbound;
  return *target;
}

void call_end::ring_alarm(own_alarm what, duration after, instant now, step& out) {
  out.alarms.push_back({now + after, 0, static_cast<std::uint8_t>(what), 0});
}

void call_end::request(std::string_view method, name_source& names, instant now, step& out) {
  if (state_ != belief::established || busy()) return;
  attempts_ = 0;
  send_in_dialog(method, names, now, out);
}

void call_end::send_in_dialog(std::string_view method, name_source& names, instant now, step& out) {
  pending_ = method;
  ++attempts_;
  auto m = dialog_->make_request(method);
  complete(m, names);
  const auto id = next_id();
  m.add(id_header, id);
  for (const auto& extra : traits_.in_dialog_headers) m.add(extra.name, extra.value);
  if (carries_session(method)) put_session(m, id);
  if (method == "INFO") {
    m.set("Content-Type", "text/plain");
    m.body = id_line(id) + "\r\n";
  }
  credentials_.authorize(m, names);
  transactions_.send(m, where(*dialog_), now, out);
}

void call_end::send_ack(std::uint32_t invite_cseq, name_source& names, instant now, step& out) {
  auto ack = dialog_->make_ack(invite_cseq);
  complete(ack, names);
  transactions_.acknowledge(ack, where(*dialog_), now, out);
}

void call_end::hang_up(name_source& names, instant now, step& out) {
  if (state_ != belief::established && state_ != belief::answered) return;
  if (busy()) {
    wants_hang_up_ = true;
    return;
  }
  attempts_ = 0;
  send_in_dialog("BYE", names, now, out);
}

void call_end::receive(const sip::message& m, const flow& source, name_source& names, instant now,
                       step& out) {
  if (call_id_.empty()) call_id_ = m.call_id();
  std::vector<news> up;
  const bool known = transactions_.receive(m, source, now, out, up);
  for (const auto& n : up) {
    if (n.about.is("ACK"))
      on_ack(now, out);
    else if (n.about.is_request())
      on_request(n.transaction, n.about, names, now, out);
    else
      on_response(n.about, names, now, out);
  }
  // RFC 3261 13.2.2.4: also the 2xx that comes after we gave up has to be acknowledged and ended.
  const auto about = m.cseq();
  if (!known && m.status / 100 == 2 && about && about->method == "INVITE" && !dialog_)
    abandon(m, names, now, out);
}

void call_end::on_alarm(const alarm& a, name_source& names, instant now, step& out) {
  if (a.subject == 0) {
    switch (static_cast<own_alarm>(a.what)) {
    case own_alarm::answer:
      return answer(now, out);
    case own_alarm::repeat_success:
      return repeat_success(out);
    case own_alarm::retry:
      if (busy() && dialog_ && state_ == belief::established)
        send_in_dialog(std::string{pending_}, names, now, out);
      return;
    case own_alarm::change_mind:
      return change_mind(now, out);
    case own_alarm::give_up:
      return give_up(now, out);
    }
  }
  std::vector<news> up;
  transactions_.on_alarm(a, now, out, up);
  for (const auto& n : up) {
    if (n.what == news::kind::timed_out) on_timeout(n.about);
    // RFC 3261 13.3.1.4: no ACK within 64*T1, so the dialog is to be ended.
    if (n.what == news::kind::unacknowledged && state_ == belief::answered)
      hang_up(names, now, out);
  }
}

void call_end::on_response_in_dialog(const sip::message& m, name_source& names, instant now,
                                     step& out) {
  const auto about = m.cseq();
  if (m.status < 200 || !about) return;
  if (about->method == pending_
      && (answer_challenge(m, names, now, out) || retry_later(m, now, out)))
    return;
  dialog_->on_response(m);
  if (about->method == "INVITE" && m.status < 300
      && dialog_->state != sip::dialog_state::terminated)
    send_ack(about->number, names, now, out);
  if (dialog_->state == sip::dialog_state::terminated) state_ = belief::ended;
  if (about->method == pending_) finished_request(names, now, out);
}

// RFC 3261 22.2: once more, with credentials.
bool call_end::answer_challenge(const sip::message& m, name_source& names, instant now, step& out) {
  if (!credentials_.take(m)) return false;
  send_in_dialog(std::string{pending_}, names, now, out);
  return true;
}

void call_end::finished_request(name_source& names, instant now, step& out) {
  pending_.clear();
  if (wants_hang_up_) hang_up(names, now, out);
}

// RFC 3261 20.33, 21.5.1 and 14.1: the server says it will be able to in a moment.
bool call_end::retry_later(const sip::message& m, instant now, step& out) {
  if (attempts_ > settings_->retries_max) return false;
  duration after{};
  if (m.status == 491) {
    after = glare_wait;
  } else if (m.status == 500 || m.status == 503) {
    const auto header = m.header("Retry-After");
    if (!header) return false;
    const auto digits = header->substr(0, header->find_first_not_of("0123456789"));
    after = std::chrono::seconds{sip::text::to_number_saturated(digits).value_or(1)};
  } else {
    return false;
  }
  ring_alarm(own_alarm::retry, std::min(after, retry_after_max), now, out);
  return true;
}

// RFC 3261 12.2.1.2: a time-out counts as 408 and ends the dialog.
void call_end::on_timeout(const sip::message& request) {
  if (request.is("CANCEL")) return;
  if (dialog_) dialog_->terminate();
  state_ = belief::ended;
  pending_.clear();
}

} // namespace holdfast::exercise
