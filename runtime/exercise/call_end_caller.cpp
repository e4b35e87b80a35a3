// The caller's side of call_end: the INVITE, its responses, and giving up.
#include "protocol/sip/related_requests.hpp"
#include "protocol/sip/text.hpp"
#include "runtime/exercise/call_end.hpp"
#include "runtime/exercise/exercise_id.hpp"

namespace holdfast::exercise {

void call_end::place(const std::string& target_uri, name_source& names, instant now, step& out) {
  local_tag_ = names.name();
  sdp_session_ = names.number() >> 16U; // phones write what fits 63 bits
  call_id_ = names.name() + "@" + settings_->address.host;
  invite_ = sip::message{};
  invite_.method = "INVITE";
  invite_.request_uri = target_uri;
  invite_.add("From", contact() + ";tag=" + local_tag_);
  invite_.add("To", "<" + target_uri + ">");
  invite_.add("Call-ID", call_id_);
  invite_.add("CSeq", "1 INVITE");
  complete(invite_, names);
  const auto id = next_id();
  invite_.add(std::string{id_header}, id);
  for (const auto& extra : traits_.invite_headers) invite_.add(extra.name, extra.value);
  put_session(invite_, id);
  state_ = belief::early;
  transactions_.send(invite_, settings_->outbound, now, out);
  ring_alarm(own_alarm::give_up, 64 * settings_->timers.t1, now, out);
  if (traits_.patience) ring_alarm(own_alarm::change_mind, *traits_.patience, now, out);
}

void call_end::on_response(const sip::message& m, name_source& names, instant now, step& out) {
  const auto about = m.cseq();
  if (!about || about->method == "CANCEL") return;
  const auto first = invite_.cseq();
  if (who_ == party::caller && about->method == "INVITE" && first && about->number == first->number)
    on_invite_response(m, names, now, out);
  else if (dialog_)
    on_response_in_dialog(m, names, now, out);
}

void call_end::on_invite_response(const sip::message& m, name_source& names, instant now,
                                  step& out) {
  if (m.status < 200) {
    provisional_ = true;
    if (impatient_) change_mind(now, out);
    return;
  }
  if (m.status >= 300 && !dialog_ && !cancelled_ && credentials_.take(m)) {
    // RFC 3261 22.2: the same INVITE, with credentials.
    invite_.set("CSeq", sip::to_string(sip::cseq{m.cseq()->number + 1, "INVITE"}));
    auto top = *invite_.top_via();
    sip::set_param(top.params, "branch", names.branch());
    invite_.replace_first("Via", sip::to_string(top));
    credentials_.authorize(invite_, names);
    transactions_.send(invite_, settings_->outbound, now, out);
    return;
  }
  if (m.status >= 300) {
    if (!dialog_) state_ = belief::ended;
    return;
  }
  if (dialog_ || cancelled_) { // another fork, or it crossed our CANCEL
    abandon(m, names, now, out);
    return;
  }
  auto made = sip::make_uac_dialog(invite_, m);
  if (!made) { // a 2xx that no dialog can be made of; the judge sees a call nobody is in
    state_ = belief::ended;
    return;
  }
  dialog_ = std::move(*made);
  state_ = belief::established;
  send_ack(dialog_->local_cseq, names, now, out);
}

void call_end::abandon(const sip::message& late_success, name_source& names, instant now,
                       step& out) {
  auto made = sip::make_uac_dialog(invite_, late_success);
  if (!made || (dialog_ && made->remote_tag == dialog_->remote_tag)) return;
  auto ack = made->make_ack(made->local_cseq);
  complete(ack, names);
  transactions_.acknowledge(ack, where(*made), now, out);
  auto bye = made->make_request("BYE");
  complete(bye, names);
  transactions_.send(bye, where(*made), now, out);
  if (!dialog_) state_ = belief::ended;
}

// RFC 3261 9.1: not before there was a provisional answer.
void call_end::change_mind(instant now, step& out) {
  if (state_ != belief::early || cancelled_) return;
  impatient_ = true;
  if (provisional_) cancel(now, out);
}

// A person would have hung up long ago. RFC 3261 9.1: CANCEL, once there was a provisional answer,
// and if nothing comes of it within 64*T1 the INVITE is over.
void call_end::give_up(instant now, step& out) {
  if (state_ != belief::early || who_ != party::caller) return;
  if (cancelled_ || !provisional_) {
    state_ = belief::ended;
    return;
  }
  cancel(now, out);
}

void call_end::cancel(instant now, step& out) {
  cancelled_ = true;
  transactions_.send(sip::make_cancel(invite_), settings_->outbound, now, out);
  ring_alarm(own_alarm::give_up, 64 * settings_->timers.t1, now, out);
}

} // namespace holdfast::exercise
