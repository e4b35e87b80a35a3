// Provisional responses that matter: reliable ones (RFC 3262), and those of several early dialogs
// of one INVITE (RFC 3261 12.1, 13.2.2.4).
#include "protocol/session/step.hpp"
#include "protocol/sip/reliable_provisional.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

constexpr std::uint32_t rseq_first_max = 0x7fffffff; // RFC 3262 3: 1 to 2**31 - 1

} // namespace

std::string step::tag_of(dialog_id id) const {
  return s_.token + "-" + std::to_string(id.value);
}

void step::respond_in(transaction_id invite, dialog_id as, int status, const content& carried) {
  auto* record = server(invite);
  if (record == nullptr || record->answered) return;
  if (as != record->dialog
      && std::find(record->forks.begin(), record->forks.end(), as) == record->forks.end())
    return;
  respond_as(*record, as, status, carried);
}

dialog_id step::fork(transaction_id invite) {
  auto* record = server(invite);
  if (record == nullptr || !record->invite) return {};
  record->forks.push_back({++s_.last_id});
  return record->forks.back();
}

bool step::supports_100rel(transaction_id invite) const {
  const auto record = std::find_if(s_.servers.begin(), s_.servers.end(),
                                   [&](const auto& r) { return r.id == invite; });
  if (record == s_.servers.end()) return false;
  return sip::names_option(record->request(), "Supported", "100rel")
         || sip::names_option(record->request(), "Require", "100rel");
}

// RFC 3262 3: numbered, and repeated until the PRACK.
void step::send_reliably(server_record& record, sip::message response) {
  record.rseq = record.rseq == 0
                    ? 1 + static_cast<std::uint32_t>(s_.random.next() % (rseq_first_max - 1))
                    : record.rseq + 1;
  response.add("Require", "100rel");
  response.add("RSeq", std::to_string(record.rseq));
  record.reliable.emplace_back(response, s_.env->timers);
  auto effects = record.reliable.back().on(sip::start{}, now_);
  std::erase_if(effects, [](const auto& e) { return std::holds_alternative<sip::transmit>(e); });
  auto repeated = outlet_of(record, false);
  repeated.timers.kind = timer_kind::reliable;
  repeated.timers.part = static_cast<std::uint32_t>(record.reliable.size() - 1);
  // Whoever PRACKs it must find us: what it made is committed first.
  const auto out = outlet_of(record, true);
  run(effects, repeated);
  run(record.invite->on(sip::from_user{std::move(response)}, now_), out);
}

bool step::take_prack(transaction_id id) {
  const auto* prack = server(id);
  const auto in = prack->dialog;
  const auto request = prack->request();
  for (auto& r : s_.servers) {
    if (r.dialog != in && std::find(r.forks.begin(), r.forks.end(), in) == r.forks.end()) continue;
    for (std::size_t i = 0; i < r.reliable.size(); ++i) {
      if (!r.reliable[i].matches(request)) continue;
      auto out = outlet_of(r, false);
      out.timers.kind = timer_kind::reliable;
      out.timers.part = static_cast<std::uint32_t>(i);
      run(r.reliable[i].on(sip::from_network{request}, now_), out);
      return true;
    }
  }
  return false;
}

// RFC 3262 3: no PRACK within 64*T1, so the request is rejected.
void step::unpracked(transaction_id invite) {
  const auto* record = server(invite);
  if (record == nullptr || record->answered) return;
  if (s_.app) s_.app->on_cancel(*this, invite); // whatever it waits for is not wanted any more
  respond(invite, 504);
}

transaction_id step::prack(transaction_id invite, dialog_id of, const content& carried) {
  const auto* record = client_known_as(invite);
  const auto* d = dialog(of);
  if (record == nullptr || d == nullptr || d->remote_rseq == 0) return {};
  auto with_rack = carried;
  const sip::rack acknowledged{d->remote_rseq, record->request().cseq()->number, "INVITE"};
  with_rack.headers.push_back({"RAck", sip::to_string(acknowledged)});
  return send_in(of, "PRACK", with_rack);
}

std::optional<applications::dialog_names> step::names_of(dialog_id of) const {
  for (const auto& d : s_.dialogs)
    if (d.id == of)
      return applications::dialog_names{
          d.dialog.call_id,   d.dialog.remote_tag,
          d.dialog.local_tag, d.dialog.remote_target,
          d.destination,      d.dialog.state == sip::dialog_state::confirmed};
  return std::nullopt;
}

// RFC 3891 3: by all three, and early dialogs of a callee cannot be replaced.
dialog_id step::dialog_named(const applications::dialog_names& names) const {
  for (const auto& d : s_.dialogs)
    if (d.dialog.call_id == names.call_id && d.dialog.remote_tag == names.their_tag
        && d.dialog.local_tag == names.our_tag && !d.bye_wanted)
      return d.id;
  return {};
}

} // namespace holdfast::session
