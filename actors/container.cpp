#include "actors/container.hpp"

#include "actors/shard.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace holdfast::actors {

using cluster::frame_kind;

container::container(caf::actor_config& config, container_options options)
    : role_actor(config),
      options_{std::move(options)},
      holder_{options_.settings.lease},
      granter_{options_.settings.lease},
      balancer_{options_.policy},
      gauge_{options_.limits} {}

caf::behavior container::make_behavior() {
  home_system().registry().put(caf::atom("container"),
                               caf::actor_cast<caf::strong_actor_ptr>(this));
  set_down_handler([this](caf::down_msg& down) { on_shard_down(down); });
  every(tick_interval);
  return caf::message_handler{
      [this](shard_offer& offer) { on_offer(offer); },
      [this](shard_output& output) { on_output(output); },
      [this](shard_status& status) {
        const auto h = hosted_.find(status.shard);
        if (h == hosted_.end() || h->second.epoch != status.epoch) return;
        h->second.status = std::move(status);
        if (!std::exchange(h->second.told_keys, true) && knows_its_sessions())
          answer_those_who_wait();
      },
      [this](shard_gone& gone) { on_gone(gone); },
  }
      .or_else(common());
}

void container::on_exit() {
  home_system().registry().erase(caf::atom("container"));
  for (auto& [id, h] : hosted_)
    if (h.actor) send_exit(h.actor, caf::exit_reason::user_shutdown);
  hosted_.clear();
  options_.hub = nullptr;
  role_actor::on_exit();
}

void container::on_link(const std::string& peer, bool up) {
  holder_.forget(peer); // what was granted on an older link is void
  for (auto& [id, h] : hosted_)
    if (h.active) send(h.actor, shard_peer{peer, up});
  if (!up) return tell_of_lost_output(peer);
  next_keepalive_ = {};
  for (const auto& [key, q] : questions_) pose(q.question);
}

void container::on_congestion(const std::string& peer, bool congested) {
  balancer_.slow(peer, congested);
}

void container::on_frame(const std::string& peer, frame_kind kind, std::string_view bytes) {
  switch (kind) {
  case frame_kind::sip_in:
    with<cluster::sip_in>(bytes, [&](cluster::sip_in m) { on_sip(std::move(m), peer); });
    break;
  case frame_kind::commit:
    with<cluster::commit>(bytes, [&](cluster::commit c) {
      if (auto reply = copies_.on_commit(std::move(c), current_view().number, now()))
        send_to(peer, reply->kind, std::move(reply->bytes));
    });
    break;
  case frame_kind::stream_open:
    with<cluster::stream_open>(bytes, [&](const cluster::stream_open& open) {
      auto reply = copies_.on_open(open, current_view().number);
      send_to(peer, reply.kind, std::move(reply.bytes));
    });
    break;
  case frame_kind::stream_complete:
    with<cluster::stream_complete>(bytes,
                                   [&](const auto& complete) { copies_.on_complete(complete); });
    break;
  case frame_kind::outbox_left:
    with<cluster::outbox_left>(bytes, [&](const auto& left) { copies_.on_left(left); });
    break;
  case frame_kind::audit:
    with<cluster::audit>(bytes, [&](const cluster::audit& a) {
      const auto reply = copies_.on_audit(a);
      if (!reply) return;
      if (!reply->equal)
        spdlog::warn("our copy of shard {} differs from what {} has; it is made anew",
                     a.shard.value, peer);
      send_frame(peer, frame_kind::audit_reply, *reply);
    });
    break;
  case frame_kind::audit_reply:
    with<cluster::audit_reply>(bytes, [&](const cluster::audit_reply& r) {
      to_shard(r.shard, caf::make_message(shard_frame{peer, kind, std::string{bytes}}));
    });
    break;
  case frame_kind::commit_ack:
    with<cluster::commit_ack>(bytes, [&](const cluster::commit_ack& ack) {
      to_shard(ack.shard, caf::make_message(shard_frame{peer, kind, std::string{bytes}}));
    });
    break;
  case frame_kind::stream_resume:
    with<cluster::stream_resume>(bytes, [&](const cluster::stream_resume& resume) {
      to_shard(resume.shard, caf::make_message(shard_frame{peer, kind, std::string{bytes}}));
    });
    break;
  case frame_kind::keepalive:
    with<cluster::keepalive>(bytes, [&](const cluster::keepalive& k) {
      if (const auto ack = granter_.on_keepalive(peer, k, current_view().number, now()))
        send_frame(peer, frame_kind::keepalive_ack, *ack);
      else
        send_frame(peer, frame_kind::view, current_view()); // it does not know yet what it lost
      if (k.view > current_view().number) send(options_.hub, newer_view_seen{peer, k.view});
    });
    break;
  case frame_kind::load:
    with<cluster::load>(bytes, [&](const cluster::load& l) { told_load(peer, l); });
    break;
  case frame_kind::keepalive_ack:
    with<cluster::keepalive_ack>(bytes, [&](const cluster::keepalive_ack& ack) {
      holder_.acked(peer, ack.tick);
      if (ack.view > current_view().number) send(options_.hub, newer_view_seen{peer, ack.view});
      for (auto& [id, h] : hosted_)
        if (!h.stalled.empty()) emit_stalled(id, h);
    });
    break;
  case frame_kind::release:
    with<cluster::release>(bytes, [&](const cluster::release& r) { on_release(peer, r); });
    break;
  case frame_kind::send_failure:
    with<cluster::send_failure>(bytes, [&](const cluster::send_failure& f) { on_failure(f); });
    break;
  case frame_kind::ask:
    with<cluster::ask>(bytes, [&](cluster::ask a) { on_ask(std::move(a)); });
    break;
  case frame_kind::answer:
    with<cluster::answer>(bytes, [&](const cluster::answer& a) { on_answer(a); });
    break;
  case frame_kind::who_has:
    with<cluster::who_has>(bytes, [&](const cluster::who_has& q) { on_who_has(peer, q); });
    break;
  case frame_kind::who_has_reply:
    with<cluster::who_has_reply>(bytes, [&](const auto& r) { on_who_has_reply(r); });
    break;
  case frame_kind::directory_release:
    with<cluster::directory_release>(bytes, [&](const auto& r) { directory_.forget(r.key); });
    break;
  default:
    break;
  }
}

void container::on_tick() {
  const auto time = now();
  std::map<shard_id, shard_due> due;
  for (const auto& e : wheel_.advance(time))
    due[e.address.shard].sessions.push_back({e.address.session, e.generation});
  for (auto& [id, d] : due) to_shard(id, caf::make_message(std::move(d)));
  if (time >= next_keepalive_) {
    next_keepalive_ = time + keepalive_interval;
    send_keepalives();
    tell_load();
  }
  if (time >= next_report_) {
    next_report_ = time + report_interval;
    report();
  }
  if (time >= next_shard_tick_) {
    next_shard_tick_ = time + shard_tick_interval;
    for (auto& [id, h] : hosted_)
      if (h.active) send(h.actor, shard_tick{});
  }
  if (time >= next_expiry_) {
    next_expiry_ = time + 20ms;
    expire_questions();
    tell_of_unsent();
    directory_.expire(time);
    for (auto& [id, h] : hosted_) {
      if (!h.active && h.actor) activate_if_fenced(id, h);
      if (!h.stalled.empty()) emit_stalled(id, h);
    }
    start_overdue();
    for (const auto& dropped : copies_.drop_unwanted(time))
      if (const auto* entry = entry_of(dropped.shard))
        send_frame(entry->owner.name, frame_kind::stream_resume, dropped);
  }
  flush_handled();
}

bool container::owns(shard_id id) const {
  const auto* entry = entry_of(id);
  return entry != nullptr && incarnation_.value != 0 && entry->owner == self();
}

container::hosted* container::active_shard(shard_id id) {
  const auto h = hosted_.find(id);
  return h != hosted_.end() && h->second.active && owns(id) ? &h->second : nullptr;
}

// Also one that leaves: it still has to hear from its replicas.
void container::on_failure(const cluster::send_failure& failure) {
  const auto h = hosted_.find(failure.to.shard);
  if (h == hosted_.end()) return; // a timer of the session says it again
  if (h->second.active)
    send(h->second.actor, shard_send_failure{failure});
  else if (h->second.early_failures.size() < early_failures_max)
    h->second.early_failures.push_back(failure);
}

void container::to_shard(shard_id id, caf::message what) {
  const auto h = hosted_.find(id);
  if (h != hosted_.end() && h->second.active) send(h->second.actor, std::move(what));
}

std::string container::state_line() const {
  std::size_t active = 0;
  std::size_t stalled = 0;
  for (const auto& [id, h] : hosted_) {
    active += h.active ? 1u : 0u;
    stalled += h.stalled.size();
  }
  return std::to_string(active) + " of " + std::to_string(hosted_.size()) + " shards active, "
         + std::to_string(copies_.records()) + " copies held, " + std::to_string(stalled)
         + " emissions wait for a lease";
}

} // namespace holdfast::actors
