// Session timers within a step (RFC 4028): each dialog agrees on its own interval with its peer;
// who refreshes does it by UPDATE, and a dialog that nobody refreshes is the application's to end.
#include "protocol/session/step.hpp"
#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/session_timer.hpp"

#include <algorithm>
#include <chrono>

namespace holdfast::session {

namespace {

bool agrees(const sip::message& request) {
  return request.is("INVITE") || request.is("UPDATE");
}

timer_key refresh_key(dialog_id of, timer_kind kind) {
  return {.kind = kind, .id = of.value, .name = {}};
}

std::uint32_t wanted_s(const environment& env) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(env.session_expires).count());
}

} // namespace

void step::set_refreshes(dialog_id of, std::uint32_t seconds, bool ours) {
  auto* d = dialog(of);
  if (d == nullptr) return;
  d->session_s = seconds;
  s_.due.clear(refresh_key(of, timer_kind::refresh));
  s_.due.clear(refresh_key(of, timer_kind::unrefreshed));
  if (seconds == 0) return;
  if (ours) s_.due.set(refresh_key(of, timer_kind::refresh), now_ + sip::refresh_after(seconds));
  s_.due.set(refresh_key(of, timer_kind::unrefreshed), now_ + sip::expires_after(seconds));
}

// As UAS: what our 2xx says (RFC 4028 9).
void step::agree_on_refreshes(server_record& record, sip::message& response) {
  const auto& request = record.request();
  if (!agrees(request) || response.status < 200 || response.status > 299) return;
  const auto agreed = sip::accept_session(request, wanted_s(*s_.env));
  if (!agreed) return set_refreshes(record.dialog, 0, false);
  response.set("Session-Expires", sip::to_string(*agreed));
  if (agreed->who == sip::refresher::uac) response.add("Require", "timer");
  set_refreshes(record.dialog, agreed->seconds, agreed->who == sip::refresher::uas);
}

// As UAC: what their 2xx says (RFC 4028 7.2).
void step::learn_refreshes(dialog_id of, const sip::message& response) {
  const auto agreed = sip::session_expires_of(response);
  if (!agreed) return set_refreshes(of, 0, false);
  set_refreshes(of, agreed->seconds, agreed->who == sip::refresher::uac);
}

void step::refresh(dialog_id of) {
  auto* d = dialog(of);
  if (d == nullptr) return;
  auto request = d->dialog.make_request("UPDATE");
  request.add("Max-Forwards", "70");
  const auto destination = way_within(*d);
  request.add("Contact", contact(destination, d->dialog.secure));
  request.add("Supported", supported_options());
  request.add("Session-Expires", sip::to_string({d->session_s, sip::refresher::uac}));
  start_client(std::move(request), destination, d->proxy, of, false);
}

// 422 (RFC 4028 7.3): once more, with an interval that the far end can live with.
bool step::ask_for_longer(transaction_id id, const sip::message& response) {
  auto* record = client(id);
  if (response.status != 422 || record == nullptr || record->forwarded) return false;
  auto retry = record->request();
  const auto least = sip::min_se_of(response);
  const auto asked = sip::session_expires_of(retry);
  if (!asked || asked->seconds >= least || ++record->challenges > challenges_max) return false;
  retry.set("Session-Expires", sip::to_string({least, asked->who}));
  retry.set("Min-SE", std::to_string(least));
  repeat_request(id, std::move(retry));
  return true;
}

} // namespace holdfast::session
