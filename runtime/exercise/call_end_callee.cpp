// The callee's side of call_end: ringing, answering, CANCEL; and what either end answers to
// requests inside the dialog.
#include "protocol/sip/text.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"
#include "runtime/exercise/call_end.hpp"

namespace holdfast::exercise {

namespace {
constexpr duration repeat_delay = 100ms; // the network "lost" the ACK
} // namespace

void call_end::on_request(std::uint32_t transaction, const sip::message& m, name_source& names,
                          instant now, step& out) {
  if (m.is("CANCEL")) return on_cancel(transaction, m, now, out);
  if (m.to_tag().empty() && m.is("INVITE") && state_ == belief::nothing)
    return on_invitation(transaction, m, names, now, out);
  if (m.to_tag().empty()) // RFC 3261 8.2.2.2: merged
    return transactions_.respond(transaction, sip::make_response(m, 482, "", names.name()), now,
                                 out);
  if (!dialog_ || !dialog_->matches_request(m))
    return transactions_.respond(transaction, sip::make_response(m, 481), now, out);
  on_request_in_dialog(transaction, m, now, out);
}

void call_end::on_invitation(std::uint32_t transaction, const sip::message& m, name_source& names,
                             instant now, step& out) {
  invite_ = m;
  invite_transaction_ = transaction;
  local_tag_ = names.name();
  sdp_session_ = names.number() >> 16U;
  state_ = belief::early;
  auto ringing = sip::make_response(m, 180, "", local_tag_);
  ringing.add("Contact", contact());
  transactions_.respond(transaction, ringing, now, out);
  ring_alarm(own_alarm::answer, settings_->ring, now, out);
}

void call_end::answer(instant now, step& out) {
  if (state_ != belief::early) return; // cancelled meanwhile
  auto success = sip::make_response(invite_, 200, "", local_tag_);
  success.add("Contact", contact());
  put_session(success, "");
  auto made = sip::make_uas_dialog(invite_, success);
  if (!made) {
    state_ = belief::ended;
    return transactions_.respond(invite_transaction_,
                                 sip::make_response(invite_, 400, made.error().what, local_tag_),
                                 now, out);
  }
  dialog_ = std::move(*made);
  dialog_->confirm();
  state_ = belief::answered;
  transactions_.respond(invite_transaction_, success, now, out);
  success_ = sip::to_bytes(success);
  if (const auto top = invite_.top_via()) success_to_ = sip::response_destination(*top);
}

void call_end::on_ack(instant now, step& out) {
  if (state_ != belief::answered) return;
  state_ = belief::established;
  if (traits_.repeats_success) ring_alarm(own_alarm::repeat_success, repeat_delay, now, out);
}

void call_end::repeat_success(step& out) {
  if (state_ == belief::established) out.sends.push_back({success_to_, success_, true});
}

void call_end::on_request_in_dialog(std::uint32_t transaction, const sip::message& m, instant now,
                                    step& out) {
  if (const auto refused = dialog_->on_request(m))
    return transactions_.respond(transaction, sip::make_response(m, *refused), now, out);
  if (m.is("INVITE") && pending_ == "INVITE") // RFC 3261 14.2
    return transactions_.respond(transaction, sip::make_response(m, 491), now, out);
  const bool known =
      m.is("INVITE") || m.is("UPDATE") || m.is("INFO") || m.is("OPTIONS") || m.is("BYE");
  if (!known) return transactions_.respond(transaction, sip::make_response(m, 501), now, out);
  auto response = sip::make_response(m, 200);
  if (m.is("INVITE") || m.is("UPDATE")) {
    response.add("Contact", contact());
    if (m.is("INVITE") || !m.body.empty()) put_session(response, "");
  }
  transactions_.respond(transaction, response, now, out);
  if (!m.is("BYE")) return;
  dialog_->terminate();
  state_ = belief::ended;
  pending_.clear();
}

// RFC 3261 9.2.
void call_end::on_cancel(std::uint32_t transaction, const sip::message& m, instant now, step& out) {
  const auto invite = transactions_.cancelled_by(m);
  const bool ours = invite_.is("INVITE") && who_ == party::callee;
  transactions_.respond(transaction, sip::make_response(m, ours ? 200 : 481, "", local_tag_), now,
                        out);
  if (!invite || *invite != invite_transaction_) return;
  state_ = belief::ended;
  transactions_.respond(*invite, sip::make_response(invite_, 487, "", local_tag_), now, out);
}

} // namespace holdfast::exercise
