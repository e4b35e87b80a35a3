// Responses to what we sent: RFC 3261 8.1.3, 12.1.2, 13.2.2.
#include "protocol/core/buggify.hpp"
#include "protocol/session/stateless.hpp"
#include "protocol/session/step.hpp"
#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>

namespace holdfast::session {

void step::take_response(const sip::message& response, const received& in) {
  const auto key = sip::client_key(response);
  if (!key) return;
  const auto found = std::find_if(s_.clients.begin(), s_.clients.end(),
                                  [&](const auto& r) { return r.key == *key; });
  if (found == s_.clients.end()) {
    if (!s_.app || !s_.app->proxies()) return stray(response, in);
    if (auto passed = pass_back(response)) out_.push_back(std::move(*passed));
    return;
  }
  const auto id = found->id;
  if (auto* d = dialog(found->dialog)) d->proxy = in.proxy;
  found->proxy = in.proxy;
  const auto out = outlet_of(*found, false);
  const sip::from_network arrival{response};
  run(found->invite ? found->invite->on(arrival, now_) : found->other->on(arrival, now_), out);
  auto* record = client(id); // it may have moved
  if (record == nullptr || !record->invite || response.status >= 200) return;
  record->provisional = true;
  if (record->cancel_wanted && !record->answered) send_cancel(*record);
}

void step::pass_up(transaction_id id, const sip::message& response) {
  auto* record = client(id);
  if (record == nullptr) return;
  if (record->invite) return pass_up_invite(id, response);
  if (answer_challenge(id, response) || ask_for_longer(id, response)) return;
  if (response.status >= 200) record->answered = true;
  const auto of = record->dialog;
  const bool refreshing = record->request().is("UPDATE") && !record->application_s;
  if (auto* d = dialog(of)) {
    d->dialog.on_response(response);
    d->offers.received_response(response, false);
    if (record->request().is("UPDATE") && response.status >= 200 && response.status < 300)
      learn_refreshes(of, response);
    if (d->dialog.state == sip::dialog_state::terminated) { // 481, 408
      if (refreshing && s_.app) s_.app->on_expired(*this, of);
      end_dialog(of);
    }
  }
  deliver(id, of, response);
}

void step::pass_up_invite(transaction_id id, const sip::message& response) {
  auto* record = client(id);
  if (response.status == 100) return;
  if (record->forwarded) {
    record->answered = record->answered || response.status >= 200;
    return deliver(id, {}, response);
  }
  if (response.status < 200) {
    if (!record->answered) provisional(id, response);
  } else if (response.status < 300) {
    succeeded(id, response);
  } else if (answer_challenge(id, response) || ask_for_longer(id, response)) {
    return;
  } else {
    record->answered = true;
    const auto of = record->in_dialog ? record->dialog : dialog_id{};
    if (record->in_dialog) {
      if (auto* d = dialog(of)) {
        d->dialog.on_response(response);
        note_way(*d, *record);
        d->offers.received_response(response, false);
        if (d->dialog.state == sip::dialog_state::terminated) end_dialog(of);
      }
    } else {
      std::erase_if(s_.dialogs, [&](const auto& d) { return d.made_by == id; });
    }
    deliver(id, of, response);
  }
}

// RFC 3262 4: a reliable one counts once and in order; one that is out of order will be repeated.
void step::provisional(transaction_id id, const sip::message& response) {
  const auto of = dialog_of(id, response);
  auto* d = dialog(of);
  const bool reliable = d != nullptr && sip::names_option(response, "Require", "100rel");
  if (reliable) {
    const auto number = sip::rseq_of(response);
    if (!number || (d->remote_rseq != 0 && *number != d->remote_rseq + 1)) return;
    d->remote_rseq = *number;
  }
  if (d != nullptr) d->offers.received_response(response, reliable);
  if (d != nullptr && kept_as(applications::durability::early)) commit_ = true;
  deliver(id, of, response, reliable);
}

// The dialog of a response to an INVITE of ours, made if it is the first of it; 0: it makes none.
dialog_id step::dialog_of(transaction_id id, const sip::message& response) {
  const auto* record = client(id);
  auto found = std::find_if(s_.dialogs.begin(), s_.dialogs.end(),
                            [&](const auto& d) { return d.dialog.matches_response(response); });
  if (found != s_.dialogs.end()) {
    found->dialog.on_response(response);
    note_way(*found, *record);
    return found->id;
  }
  if (record->in_dialog || response.to_tag().empty()) return {};
  auto made = sip::make_uac_dialog(record->request(), response);
  if (!made) return {};
  s_.dialogs.push_back({.id = {++s_.last_id},
                        .dialog = std::move(*made),
                        .made_by = id,
                        .proxy = record->proxy,
                        .destination = record->fixed_destination ? record->destination : "",
                        .offers = {}});
  note_way(s_.dialogs.back(), *record);
  s_.dialogs.back().offers.sent_request(record->request());
  return s_.dialogs.back().id;
}

// A 2xx to an INVITE: the first one, a copy, or one of another branch of a fork.
void step::succeeded(transaction_id id, const sip::message& response) {
  auto* record = client(id);
  for (std::size_t i = 0; i < record->acks.size(); ++i) {
    if (!record->acks[i].matches(response)) continue;
    auto out = outlet_of(*record, false);
    out.timers.kind = timer_kind::ack;
    out.timers.part = static_cast<std::uint32_t>(i);
    out.branch.clear();
    if (const auto* d = dialog(record->dialog)) out.destination = way_within(*d);
    return run(record->acks[i].on(sip::from_network{response}, now_), out);
  }
  const auto of = dialog_of(id, response);
  if (of == dialog_id{}) return; // no Contact to ACK to, or the dialog has ended
  record = client(id);
  if (record->answered && record->dialog == of) return; // a copy; the application has yet to ACK
  const bool wanted = !record->answered && record->application_s && s_.app;
  sometimes<"session: a 2xx that nobody wants">(!wanted);
  const auto first = record->dialog;
  record->answered = true;
  record->unacknowledged = true;
  record->dialog = of;
  if (auto* d = dialog(of)) d->offers.received_response(response, false);
  learn_refreshes(of, response);
  if (wanted) {
    std::erase_if(s_.dialogs, [&](const auto& d) {
      return d.made_by == id && d.id != of && d.dialog.state == sip::dialog_state::early;
    });
    return deliver(id, of, response);
  }
  // RFC 3261 13.2.2.4: a dialog that nobody wants is acknowledged and ended.
  acknowledge(of);
  if (first != dialog_id{}) client(id)->dialog = first;
  send_in(of, "BYE");
}

// No response came: the application gets one that we make (RFC 3261 8.1.3.1).
void step::fail_client(transaction_id id, int status) {
  auto* record = client(id);
  if (record == nullptr || record->answered) return;
  const auto response = sip::make_response(record->request(), status);
  if (record->invite)
    pass_up_invite(id, response);
  else
    pass_up(id, response);
}

void step::deliver(transaction_id id, dialog_id of, const sip::message& response, bool reliable) {
  const auto* record = client(id);
  if (record == nullptr || !record->application_s || !s_.app) return;
  moved_on_ = true;
  const auto method = record->request().method;
  const auto known_as = record->known_as == transaction_id{} ? id : record->known_as;
  s_.app->on_response(*this, {.id = known_as,
                              .dialog = of,
                              .status = response.status,
                              .message = response,
                              .method = method,
                              .reliable = reliable});
}

// A response to nothing we know of. Only a 2xx to an INVITE matters: the call it would make must
// not stay half (design, "What survives means").
void step::stray(const sip::message& response, const received& in) {
  const auto number = response.cseq();
  if (response.status < 200 || response.status > 299 || !number || number->method != "INVITE")
    return;
  if (s_.env->tokens.verify(response.from_tag()) != s_.address) return;
  const auto known = std::find_if(s_.dialogs.begin(), s_.dialogs.end(), [&](const auto& d) {
    return d.dialog.matches_response(response);
  });
  sometimes<"session: a stray 2xx">();
  auto of = known != s_.dialogs.end() ? std::optional{known->dialog} : stray_dialog(response);
  if (!of) return;
  auto ack = of->make_ack(number->number);
  const auto destination = destination_of(of->next_hop());
  const auto way = parse_flow(destination).value_or(in.source);
  write_via(ack, way.over);
  ack.add("Max-Forwards", "70");
  out_.push_back(holdfast::session::send{.destination = way,
                                         .bytes = sip::to_bytes(ack),
                                         .dependent = false,
                                         .proxy = in.proxy,
                                         .branch = {},
                                         .perishable = false});
  if (known != s_.dialogs.end()) return;
  const bool ending = std::any_of(s_.clients.begin(), s_.clients.end(), [&](const auto& r) {
    return r.request().is("BYE") && r.request().call_id() == of->call_id
           && r.request().to_tag() == of->remote_tag;
  });
  if (ending) return;
  auto bye = of->make_request("BYE");
  bye.add("Max-Forwards", "70");
  start_client(std::move(bye), destination, in.proxy, {}, false);
}

} // namespace holdfast::session
