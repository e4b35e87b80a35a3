#include "protocol/session/step.hpp"

#include "protocol/core/buggify.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

template <class Records, class Id>
auto* find_by_id(Records& records, Id id) {
  const auto found =
      std::find_if(records.begin(), records.end(), [&](const auto& r) { return r.id == id; });
  return found == records.end() ? nullptr : &*found;
}

flow to_flow(const std::string& text) {
  return parse_flow(text).value_or(flow{});
}

} // namespace

server_record* step::server(transaction_id id) {
  return find_by_id(s_.servers, id);
}
client_record* step::client(transaction_id id) {
  return find_by_id(s_.clients, id);
}
client_record* step::client_known_as(transaction_id id) {
  const auto found = std::find_if(s_.clients.rbegin(), s_.clients.rend(), [&](const auto& r) {
    return r.known_as == id || (r.id == id && r.known_as == transaction_id{});
  });
  return found == s_.clients.rend() ? nullptr : &*found;
}
dialog_record* step::dialog(dialog_id id) {
  return find_by_id(s_.dialogs, id);
}

server_record* step::server(const sip::transaction_key& key) {
  const auto found = std::find_if(s_.servers.begin(), s_.servers.end(),
                                  [&](const auto& r) { return r.key == key; });
  return found == s_.servers.end() ? nullptr : &*found;
}

step::outlet step::outlet_of(const server_record& record, bool dependent) const {
  return {.timers = {.kind = timer_kind::server, .id = record.id.value, .name = {}},
          .destination = to_string(sip::way_back(record.request(), to_flow(record.source))),
          .proxy = record.proxy,
          .branch = {},
          .dependent = dependent,
          .perishable = false};
}

step::outlet step::outlet_of(const client_record& record, bool dependent) const {
  return {.timers = {.kind = timer_kind::client, .id = record.id.value, .name = {}},
          .destination = record.destination,
          .proxy = record.proxy,
          .branch = record.branch,
          .dependent = dependent,
          .perishable = false};
}

// Carries out what a machine wants. Its record may move while this runs: an application called
// from here opens new ones. So only the outlet is used, never the record.
void step::run(const sip::transaction_effects& effects, const outlet& out) {
  if (out.dependent) commit_ = true;
  auto key = out.timers;
  const transaction_id id{key.id};
  for (const auto& wanted : effects) {
    if (const auto* bytes = std::get_if<sip::transmit>(&wanted)) {
      if (out.silent) continue;
      out_.push_back(holdfast::session::send{.destination = to_flow(out.destination),
                                             .bytes = bytes->bytes,
                                             .dependent = out.dependent,
                                             .proxy = out.proxy,
                                             .branch = out.branch,
                                             .perishable = out.perishable});
    } else if (const auto* started = std::get_if<sip::start_timer>(&wanted)) {
      key.timer = started->timer;
      s_.due.set(key, now_ + started->after);
    } else if (const auto* stopped = std::get_if<sip::stop_timer>(&wanted)) {
      key.timer = stopped->timer;
      s_.due.clear(key);
    } else if (const auto* up = std::get_if<sip::pass_up>(&wanted)) {
      if (key.kind == timer_kind::client)
        pass_up(id, up->received);
      else if (up->received.is("ACK"))
        take_ack(up->received);
    } else if (std::holds_alternative<sip::timed_out>(wanted)) {
      if (key.kind == timer_kind::client)
        fail_client(id, 408); // RFC 3261 8.1.3.1
      else if (key.kind == timer_kind::success)
        unacknowledged(id);
      else if (key.kind == timer_kind::reliable)
        unpracked(id);
    } else if (std::holds_alternative<sip::transport_error>(wanted)) {
      if (key.kind == timer_kind::client) fail_client(id, 503); // RFC 3261 8.1.3.1
    }
  }
}

// RFC 3261 15: when a BYE has ended the call, what was asked in it is not asked again; a peer that
// has not heard it by then knows nothing of the call any more. It fails in its time.
bool step::outlived_its_call(const client_record& record) {
  const auto& request = record.request();
  return record.in_dialog && !request.is("BYE") && !request.is("NOTIFY")
         && dialog(record.dialog) == nullptr;
}

void step::take(const deadline&) {
  while (const auto key = s_.due.take_due(now_)) fire(*key);
}

void step::fire(const timer_key& key) {
  const transaction_id id{key.id};
  const sip::timer_fired fired{key.timer};
  switch (key.kind) {
  case timer_kind::server:
    if (auto* record = server(id)) {
      const auto out = outlet_of(*record, false);
      run(record->invite ? record->invite->on(fired, now_) : record->other->on(fired, now_), out);
    }
    break;
  case timer_kind::client:
    if (auto* record = client(id)) {
      auto out = outlet_of(*record, false);
      out.silent = outlived_its_call(*record);
      run(record->invite ? record->invite->on(fired, now_) : record->other->on(fired, now_), out);
    }
    break;
  case timer_kind::success:
    if (auto* record = server(id); record != nullptr && record->success) {
      auto out = outlet_of(*record, false);
      out.timers.kind = timer_kind::success;
      if (planted<"success-is-not-repeated">()) break;
      run(record->success->on(fired, now_), out);
    }
    break;
  case timer_kind::reliable:
    if (auto* record = server(id); record != nullptr && key.part < record->reliable.size()) {
      auto out = outlet_of(*record, false);
      out.timers.kind = timer_kind::reliable;
      out.timers.part = key.part;
      run(record->reliable[key.part].on(fired, now_), out);
    }
    break;
  case timer_kind::refresh:
    refresh({key.id});
    break;
  case timer_kind::unrefreshed:
    if (dialog({key.id}) != nullptr && s_.app) s_.app->on_expired(*this, {key.id});
    break;
  case timer_kind::ack:
    if (auto* record = client(id); record != nullptr && key.part < record->acks.size())
      (void)record->acks[key.part].on(fired, now_);
    break;
  case timer_kind::cancelled:
    // RFC 3261 9.1: no final response 64*T1 after the CANCEL, so there will be none.
    fail_client(id, 487);
    std::erase_if(s_.clients, [&](const auto& r) { return r.id == id; });
    break;
  case timer_kind::question:
    std::erase_if(s_.questions, [&](const open_question& q) { return q.id == key.id; });
    to_whoever_asked({.id = key.id, .what = answered::outcome::timed_out, .bytes = {}});
    break;
  case timer_kind::application:
  case timer_kind::expiry:
    moved_on_ = true;
    if (s_.app && planted<"timers-fire-twice">()) s_.app->on_timer(*this, key.name);
    if (s_.app) s_.app->on_timer(*this, key.name);
    break;
  case timer_kind::lost:
    if (const auto* record = client(id)) say_again(*record);
    break;
  case timer_kind::tombstone:
    break; // finish() sees that it is gone
  }
}

// RFC 3261 13.3.1.4: no ACK to our 2xx within 64*T1.
void step::unacknowledged(transaction_id invite) {
  sometimes<"session: a 2xx was never acknowledged">();
  const auto* record = server(invite);
  if (record == nullptr) return;
  const auto of = record->dialog;
  auto* d = dialog(of);
  if (d == nullptr) return;
  commit_ = true;
  if (d->bye_wanted || !s_.app) {
    d->bye_wanted = false;
    send_in(of, "BYE");
  } else {
    s_.app->on_unacknowledged(*this, of);
  }
}

void step::take(const send_failed& failure) {
  const auto found = std::find_if(s_.clients.begin(), s_.clients.end(),
                                  [&](const auto& r) { return r.branch == failure.branch; });
  if (found == s_.clients.end()) return;
  if (failure.unsaid) return say_again(*found);
  if (found->too_large && !found->provisional && !found->answered) return send_as_datagram(*found);
  if (look_up_again(*found)) return;
  fail_transport(*found);
}

// Where the first one had arrived, the copy is absorbed (RFC 3261 17.2).
void step::say_again(const client_record& record) {
  if (record.answered || record.finished() || outlived_its_call(record)) return;
  sometimes<"session: said again what no proxy sent">();
  run({sip::transmit{sip::to_bytes(record.request())}}, outlet_of(record, false));
}

void step::take(const asked& in) {
  const auto what = decode<question>(in.bytes);
  if (!what) return; // the asker's time-out answers it
  std::string said;
  if (what->about == question::subject::nonce)
    said = answer_about_nonce(what->bytes);
  else if (what->about == question::subject::application && s_.app)
    said = s_.app->on_asked(*this, what->bytes);
  out_.push_back(answer{.reply_to = in.reply_to, .bytes = std::move(said)});
}

void step::take(const answered& reply) {
  const timer_key key{.kind = timer_kind::question, .id = reply.id, .name = {}};
  if (!s_.due.at(key)) return; // late: it counted as timed out
  s_.due.clear(key);
  std::erase_if(s_.questions, [&](const open_question& q) { return q.id == reply.id; });
  to_whoever_asked(reply);
}

void step::to_whoever_asked(const answered& reply) {
  moved_on_ = true;
  if (take_nonce_answer(reply) || take_location(reply)) return;
  if (s_.app) s_.app->on_answered(*this, reply);
}

// Over a stream no timer repeats what our predecessor had given away when it died; a request that
// is unanswered after T1 may never have left it.
void step::take(const resumed&) {
  for (const auto& r : s_.clients)
    if (!r.answered && to_flow(r.destination).reliable())
      s_.due.set({.kind = timer_kind::lost, .id = r.id.value, .name = {}},
                 now_ + s_.env->timers.t1);
  for (const auto& q : s_.questions)
    out_.push_back(
        holdfast::session::ask{.id = q.id, .key = q.key, .bytes = q.bytes, .timeout = q.timeout});
}

void step::keep(applications::durability as) {
  s_.kept = as;
}

bool step::kept_as(applications::durability at_least) const {
  return s_.kept >= at_least;
}

void step::end_dialog(dialog_id id) {
  if (planted<"dialog-outlives-its-bye">()) return;
  s_.due.clear_all(timer_kind::refresh, id.value);
  s_.due.clear_all(timer_kind::unrefreshed, id.value);
  std::erase_if(s_.dialogs, [&](const auto& d) { return d.id == id; });
  std::vector<transaction_id> open_requests;
  for (auto& record : s_.servers) {
    if (record.dialog != id) continue;
    if (record.success) {
      record.success.reset();
      s_.due.clear_all(timer_kind::success, record.id.value);
    }
    if (!record.answered && !record.request().is("BYE")) open_requests.push_back(record.id);
  }
  for (const auto request : open_requests) respond(request, 487);
  if (!planted<"bye-is-not-committed">()) commit_ = true;
}

void step::quarantine() {
  sometimes<"session: quarantined">();
  s_.quarantined = true;
  s_.app = {};
  s_.due.clear_all(timer_kind::application);
  s_.due.clear_all(timer_kind::expiry);
  s_.due.clear_all(timer_kind::question);
  std::vector<transaction_id> open_requests;
  for (const auto& record : s_.servers)
    if (!record.answered) open_requests.push_back(record.id);
  for (const auto request : open_requests) respond(request, 500);
  std::vector<transaction_id> open_invites;
  for (auto& record : s_.clients) {
    record.application_s = false;
    if (record.invite && !record.answered) open_invites.push_back(record.id);
  }
  for (const auto invite : open_invites) cancel(invite);
  std::vector<dialog_id> confirmed;
  for (const auto& d : s_.dialogs)
    if (d.dialog.state == sip::dialog_state::confirmed) confirmed.push_back(d.id);
  for (const auto id : confirmed) send_in(id, "BYE");
  commit_ = true;
}

void step::forget_finished() {
  for (const auto& record : s_.servers) {
    if (!record.finished()) continue;
    s_.due.clear_all(timer_kind::server, record.id.value);
    s_.due.clear_all(timer_kind::success, record.id.value);
    s_.due.clear_all(timer_kind::reliable, record.id.value);
  }
  for (const auto& record : s_.clients) {
    if (!record.finished()) continue;
    s_.due.clear_all(timer_kind::client, record.id.value);
    s_.due.clear_all(timer_kind::ack, record.id.value);
    s_.due.clear_all(timer_kind::cancelled, record.id.value);
    s_.due.clear_all(timer_kind::lost, record.id.value);
  }
  std::erase_if(s_.servers, [](const auto& r) { return r.finished(); });
  std::erase_if(s_.clients, [](const auto& r) { return r.finished(); });
}

std::vector<effect> step::finish() {
  forget_finished();
  s_.nonces.forget_expired(now_);
  if (buggify<"session: commits for nothing">()) commit_ = true;
  const timer_key tombstone{.kind = timer_kind::tombstone, .name = {}};
  if (moved_on_ && kept_as(applications::durability::transaction)) {
    commit_ = true;
    for (auto& e : out_)
      if (auto* said = std::get_if<holdfast::session::send>(&e)) said->dependent = true;
  }
  if (commit_) {
    s_.due.set(tombstone, now_ + 64 * s_.env->timers.t1);
    out_.insert(out_.begin(), holdfast::session::commit{});
  }
  // Transactions hold their own timers; a pending timer of the application keeps the session too.
  if (s_.servers.empty() && s_.clients.empty() && s_.dialogs.empty() && !s_.due.next())
    out_.push_back(ended{});
  return std::move(out_);
}

} // namespace holdfast::session
