#include "actors/link.hpp"

#include "protocol/core/buggify.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace holdfast::actors {

using cluster::credit_class;
using cluster::frame_kind;

namespace {

struct flush_now {};
struct hello_overdue {};

constexpr std::size_t lane_of(credit_class c) {
  return static_cast<std::size_t>(c);
}

} // namespace

} // namespace holdfast::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::flush_now)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::hello_overdue)

namespace holdfast::actors {

const caf::actor& role_table::of(frame_kind kind) const {
  switch (kind) {
  case frame_kind::sip_in:
  case frame_kind::send_failure:
  case frame_kind::commit:
  case frame_kind::commit_ack:
  case frame_kind::stream_open:
  case frame_kind::stream_resume:
  case frame_kind::stream_complete:
  case frame_kind::keepalive:
  case frame_kind::keepalive_ack:
  case frame_kind::release:
  case frame_kind::outbox_left:
  case frame_kind::audit:
  case frame_kind::audit_reply:
  case frame_kind::ask:
  case frame_kind::answer:
  case frame_kind::who_has:
  case frame_kind::who_has_reply:
  case frame_kind::directory_release:
    return container;
  case frame_kind::sip_out:
  case frame_kind::handled:
    return proxy;
  case frame_kind::load:
    return container ? container : proxy;
  case frame_kind::join:
  case frame_kind::container_report:
  case frame_kind::suspicion:
    return coordinator;
  case frame_kind::inspect:
  case frame_kind::inspect_reply:
    return inspector;
  default:
    return hub;
  }
}

link::link(caf::actor_config& config, link_options options)
    : observed_actor(config), options_{std::move(options)} {}

caf::behavior link::make_behavior() {
  set_down_handler([this](caf::down_msg& down) {
    if (down.source == options_.remote.address()) quit();
  });
  say_hello();
  return {
      [this](frame& f) { on_frame(f); },
      [this](outgoing& item) { queue_up(item); },
      [this](batch_done finished) { on_batch_done(finished.batch); },
      [this](role_table& roles) { on_new_roles(std::move(roles)); },
      [this](flush_now) {
        if (buggify<"link: flushes later">()) return send(this, flush_now{});
        flush_scheduled_ = false;
        flush();
      },
      [this](hello_overdue) {
        if (!up_) quit();
      },
  };
}

void link::on_exit() {
  caf::anon_send(options_.roles.hub, link_lost{address(), options_.peer});
  options_ = {};
  observed_actor::on_exit();
}

// A role was restarted: what its predecessor had not dealt with is lost, its credit is not.
void link::on_new_roles(role_table roles) {
  options_.roles = std::move(roles);
  std::vector<std::uint32_t> orphaned;
  for (const auto& [id, batch] : received_) orphaned.push_back(id);
  for (const auto id : orphaned) {
    received_[id].roles_left = 1;
    on_batch_done(id);
  }
}

// Who dialed speaks first; who accepted has the other's hello already and answers it.
void link::say_hello() {
  if (options_.dialed) {
    delayed_send(this, hello_timeout, hello_overdue{});
  } else {
    up_ = true;
    monitor(options_.remote);
  }
  send_frame(frame_kind::hello, encode(options_.introduction));
}

void link::on_frame(frame& f) {
  const auto kind = static_cast<frame_kind>(f.kind);
  if (!up_ && kind != frame_kind::hello) return;
  if (kind == frame_kind::hello) {
    if (auto h = decode<cluster::hello>(f.bytes)) on_hello(*h);
  } else if (kind == frame_kind::batch) {
    if (auto batch = decode<cluster::frame_batch>(f.bytes))
      on_batch(*batch);
    else
      spdlog::warn("link to {}: a batch that does not decode was ignored", options_.peer);
  } else if (kind == frame_kind::credit) {
    if (auto grant = decode<cluster::credit_grant>(f.bytes)) on_credit(*grant);
  }
}

void link::on_hello(const cluster::hello& h) {
  if (up_ || !current_sender()) return;
  if (!options_.peer.empty() && options_.peer != h.name) {
    spdlog::warn("link: dialed {} but {} answered; closed", options_.peer, h.name);
    quit();
    return;
  }
  options_.peer = h.name;
  options_.remote = caf::actor_cast<caf::actor>(current_sender());
  monitor(options_.remote);
  up_ = true;
  send(options_.roles.hub,
       link_ready{caf::actor_cast<caf::actor>(this), h, options_.remote.node()});
  flush();
}

void link::on_batch(const cluster::frame_batch& batch) {
  std::vector<std::pair<caf::actor, incoming>> parts;
  const auto id = ++next_batch_;
  auto& pending = received_[id];
  for (auto& item : batch.items) {
    pending.classes[lane_of(cluster::credit_class_of(item.kind))] = true;
    const auto& role = options_.roles.of(item.kind);
    if (!role) continue; // not ours to serve: an older or misled peer
    auto part =
        std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p.first == role; });
    if (part == parts.end())
      part = parts.insert(
          parts.end(), {role, incoming{options_.peer, {}, caf::actor_cast<caf::actor>(this), id}});
    part->second.items.push_back(item);
  }
  pending.roles_left = static_cast<std::uint32_t>(parts.size()) + 1;
  for (auto& [role, part] : parts) send(role, std::move(part));
  on_batch_done(id); // our own share of the work
}

void link::on_batch_done(std::uint32_t id) {
  const auto found = received_.find(id);
  if (found == received_.end() || --found->second.roles_left > 0) return;
  for (std::size_t c = 1; c < lanes_.size(); ++c)
    if (found->second.classes[c])
      send_frame(frame_kind::credit,
                 encode(cluster::credit_grant{static_cast<credit_class>(c), 1}));
  received_.erase(found);
}

void link::on_credit(const cluster::credit_grant& grant) {
  const auto index = lane_of(grant.of);
  if (index >= lanes_.size()) return;
  lanes_[index].credit = std::min(window_batches, lanes_[index].credit + grant.batches);
  flush();
}

void link::queue_up(outgoing& item) {
  const auto of = cluster::credit_class_of(item.kind);
  auto& queue = lanes_[lane_of(of)].queue;
  const auto room = buggify<"link: room for one SIP message">() ? 1 : sip_queue_max;
  if (of == credit_class::sip && queue.size() >= room) {
    queue.pop_front(); // the oldest is the first that its client repeats anyway
    ++shed_;
  }
  queue.push_back({item.kind, std::move(item.bytes)});
  if (of == credit_class::sip) note_congestion();
  if (flush_scheduled_) return;
  flush_scheduled_ = true;
  send(this, flush_now{}); // behind everything that is in the mailbox already: one batch for all
}

void link::flush() {
  if (!up_) return;
  const auto items_max = buggify<"link: one item a batch">() ? 1 : items_per_batch;
  for (bool more = true; more;) {
    cluster::frame_batch batch;
    std::size_t bytes = 0;
    for (auto& l : lanes_) {
      const bool free = &l == &lanes_[lane_of(credit_class::none)];
      if (l.queue.empty() || (!free && l.credit == 0)) continue;
      const auto before = batch.items.size();
      while (!l.queue.empty() && batch.items.size() - before < items_max
             && bytes < bytes_per_batch) {
        bytes += l.queue.front().bytes.size();
        batch.items.push_back(std::move(l.queue.front()));
        l.queue.pop_front();
      }
      if (!free && batch.items.size() > before) --l.credit;
    }
    more = !batch.items.empty();
    if (more) send_frame(frame_kind::batch, encode(batch));
  }
  note_congestion();
}

void link::send_frame(frame_kind kind, std::string bytes) {
  send(options_.remote,
       frame{frame::current_version, static_cast<std::uint8_t>(kind), std::move(bytes)});
}

void link::note_congestion() {
  const auto waiting = lanes_[lane_of(credit_class::sip)].queue.size();
  const bool congested = congested_ ? waiting > sip_congested_at / 2 : waiting > sip_congested_at;
  if (congested == congested_) return;
  congested_ = congested;
  spdlog::warn("link to {}: {} ({} SIP messages waiting, {} shed so far)", options_.peer,
               congested ? "slow, admitting nothing new for it" : "keeps up again", waiting, shed_);
  for (const auto& role : {options_.roles.proxy, options_.roles.container})
    if (role) send(role, link_congested{options_.peer, congested});
}

std::string link::state_line() const {
  static constexpr std::array names{"acks", "control", "commits", "SIP"};
  std::string out = up_ ? "up" : "introducing itself";
  for (std::size_t c = 1; c < lanes_.size(); ++c)
    out += std::string{", "} + names[c] + " " + std::to_string(lanes_[c].queue.size())
           + " waiting, " + std::to_string(window_batches - lanes_[c].credit) + "/"
           + std::to_string(window_batches) + " in flight";
  return shed_ == 0 ? out : out + ", " + std::to_string(shed_) + " shed";
}

} // namespace holdfast::actors
