#include "actors/hub.hpp"

#include "actors/role.hpp"
#include "protocol/cluster/candidacy.hpp"
#include "protocol/core/buggify.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace holdfast::actors {

using cluster::frame_kind;
using cluster::role;

hub::hub(caf::actor_config& config, hub_options options)
    : observed_actor(config),
      options_{std::move(options)},
      view_{std::make_shared<const cluster::view>()} {}

caf::behavior hub::make_behavior() {
  options_.outside->accept_links(caf::actor_cast<caf::actor>(this));
  delayed_send(this, tick_interval, tick{});
  return {
      [this](role_table& roles) { on_roles(std::move(roles)); },
      [this](frame& f) { on_frame(f); },
      [this](incoming& batch) { on_incoming(batch); },
      [this](link_established& e) {
        link_options made{roles_, introduction(), e.peer, std::move(e.remote_hub), true};
        const auto opened = spawn<link>(std::move(made));
        opening_.emplace(opened.address(), opened); // until it says link_ready or link_lost
      },
      [this](link_failed& f) {
        spdlog::debug("link to {} failed: {}", f.peer.empty() ? "a coordinator" : f.peer, f.why);
        redial_at_[f.peer] = now_of(home_system()) + redial_interval;
      },
      [this](link_ready& ready) {
        opening_.erase(ready.link.address());
        add_link(ready.peer, std::move(ready.link), ready.node);
      },
      [this](link_lost& lost) { on_link_lost(lost); },
      [this](view_changed& changed) { adopt(std::move(changed.now)); },
      [](batch_done) {},
      [this](peer_suspected& s) {
        const auto told = encode(cluster::suspicion{s.peer, s.suspected});
        // All of them: one that takes over knows it already.
        if (roles_.coordinator) {
          send(roles_.coordinator, std::move(s));
          return;
        }
        for (const auto& [peer, l] : links_)
          if (is_coordinator(peer)) send_to(peer, frame_kind::suspicion, told);
      },
      [this](newer_view_seen& seen) {
        if (seen.number > view_->number)
          send_to(seen.peer, frame_kind::view_pull, encode(cluster::view_pull{view_->number}));
      },
      [this](tick) {
        delayed_send(this, tick_interval, tick{});
        on_tick();
      },
  };
}

void hub::on_exit() {
  for (auto& [peer, l] : links_) send_exit(l.link, caf::exit_reason::user_shutdown);
  for (auto& [address, l] : opening_) send_exit(l, caf::exit_reason::user_shutdown);
  links_.clear();
  opening_.clear();
  roles_ = {};
  observed_actor::on_exit();
}

void hub::on_roles(role_table roles) {
  roles_ = std::move(roles);
  for (const auto& [peer, l] : links_) {
    send(l.link, roles_);
    tell_roles(caf::make_message(link_up{peer, l.link, l.node}));
  }
  if (view_->number.value > 0) tell_roles(caf::make_message(view_changed{view_}));
}

// Straight from a remote actor that has no link here yet: only an introduction is listened to.
void hub::on_frame(frame& f) {
  if (static_cast<frame_kind>(f.kind) != frame_kind::hello || !current_sender()) return;
  if (const auto h = decode<cluster::hello>(f.bytes)) on_hello(*h);
}

void hub::on_hello(const cluster::hello& h) {
  if (h.name.empty() || h.name == options_.card.name) {
    spdlog::warn("a node introduced itself as '{}', which is our own name; ignored", h.name);
    return;
  }
  link_options made{roles_, introduction(), h.name, caf::actor_cast<caf::actor>(current_sender()),
                    false};
  auto node = made.remote.node();
  // CAF would send to one what is meant for the other.
  for (const auto& [peer, l] : links_)
    if (peer != h.name && l.node == node) {
      spdlog::error(
          "{} looks to CAF like {}, which is linked: same machine and same process number; "
          "refused. Start it with another process number",
          h.name, peer);
      return;
    }
  add_link(h, spawn<link>(std::move(made)), std::move(node));
}

void hub::add_link(const cluster::hello& peer, caf::actor made, caf::node_id node) {
  drop_link(peer.name);
  links_[peer.name] = peer_link{made, node, peer.boot, peer.incarnation};
  redial_at_.erase(peer.name);
  const bool stranger = view_->find(peer.name) == nullptr && !serves(role::coordinator);
  if (answered_.empty() && stranger)
    answered_ = peer.name; // before the first view we dial no other
  spdlog::debug("link to {} is up", peer.name);
  tell_roles(caf::make_message(link_up{peer.name, made, std::move(node)}));
  if (peer.view > view_->number)
    send_to(peer.name, frame_kind::view_pull, encode(cluster::view_pull{view_->number}));
  const auto asked = whom_to_ask();
  if (std::find(asked.begin(), asked.end(), peer.name) != asked.end()) join();
}

void hub::drop_link(const std::string& peer) {
  const auto found = links_.find(peer);
  if (found == links_.end()) return;
  const auto old = found->second.link;
  links_.erase(found);
  tell_roles(caf::make_message(link_down{peer, old}));
  send_exit(old, caf::exit_reason::user_shutdown);
}

void hub::on_link_lost(const link_lost& lost) {
  opening_.erase(lost.link);
  const auto found = links_.find(lost.peer);
  if (found == links_.end() || found->second.link.address() != lost.link) return;
  spdlog::debug("link to {} is lost", lost.peer);
  const auto link = found->second.link;
  links_.erase(found);
  redial_at_.erase("");
  tell_roles(caf::make_message(link_down{lost.peer, link}));
}

void hub::on_incoming(incoming& batch) {
  for (const auto& item : batch.items) {
    switch (item.kind) {
    case frame_kind::view:
      on_view(item.bytes);
      break;
    case frame_kind::view_pull:
      if (const auto pull = decode<cluster::view_pull>(item.bytes);
          pull && pull->have < view_->number)
        send_to(batch.peer, frame_kind::view, encode(*view_));
      break;
    case frame_kind::join_refused:
      if (const auto refused = decode<cluster::join_refused>(item.bytes))
        options_.outside->fail_stop("the coordinator refused us: " + refused->why);
      break;
    default:
      break; // a kind of a newer version
    }
  }
  send(batch.link, batch_done{batch.batch});
}

void hub::on_view(std::string_view bytes) {
  auto next = decode<cluster::view>(bytes);
  if (!next) {
    spdlog::warn("a view that does not decode was ignored: {}", next.error().what);
    return;
  }
  adopt(std::make_shared<const cluster::view>(std::move(*next)));
}

void hub::adopt(shared_view next) {
  if (next->number <= view_->number) return;
  view_ = std::move(next);
  if (!check_own_place()) return;
  for (const auto& m : view_->members) {
    const auto l = links_.find(m.card.name);
    if (l != links_.end() && l->second.boot == m.card.boot) l->second.incarnation = m.incarnation;
    if (l != links_.end() && superseded(l->second, m)) drop_link(m.card.name);
  }
  const auto* now_standing = cluster::coordinator_of(*view_);
  const auto standing = now_standing == nullptr ? node_id{} : now_standing->id();
  const bool another = std::exchange(standing_, standing) != standing;
  options_.outside->watch(view_, self_id(), caf::actor_cast<caf::actor>(this));
  tell_roles(caf::make_message(view_changed{view_}));
  if (another && links_.contains(standing_.name)) join(); // it has to hear that we are here
  dial_missing();
}

// A link to a process that no view has named yet is newer than the entry of its predecessor: a
// coordinator that comes back first publishes its own predecessor's death over it.
bool hub::superseded(const peer_link& link, const cluster::member& by) {
  if (link.boot == by.card.boot) return !by.alive();
  return link.incarnation.value != 0 && link.incarnation <= by.incarnation;
}

// False: the cluster has given us up. What we still hold is somebody else's by now; the only safe
// thing is to end, and to come back as a new incarnation.
bool hub::check_own_place() {
  const auto* self = view_->find(options_.card.name);
  if (self == nullptr) return true; // not yet
  const bool ours = self->card.boot == options_.card.boot;
  if (ours && self->alive()) {
    incarnation_ = self->incarnation;
    return true;
  }
  if (!ours && incarnation_.value == 0) return true; // our predecessor; we are about to replace it
  options_.outside->fail_stop("view " + std::to_string(view_->number.value) + " declares "
                              + to_string(self_id()) + " dead");
  return false;
}

bool hub::needs_link_to(const cluster::member& peer) const {
  if (!peer.alive() || peer.card.name == options_.card.name) return false;
  if (peer.card.serves == role::coordinator || serves(role::coordinator)) return true;
  const bool one_is_container = peer.card.serves == role::container || serves(role::container);
  const bool one_is_dispatcher = peer.card.serves == role::dispatcher || serves(role::dispatcher);
  return one_is_container && !one_is_dispatcher;
}

bool hub::dials(const cluster::member& peer) const {
  const bool to_coordinator = peer.card.serves == role::coordinator;
  if (serves(role::coordinator) != to_coordinator) return to_coordinator;
  return options_.card.name > peer.card.name;
}

void hub::dial_missing() {
  for (const auto& m : view_->members)
    if (needs_link_to(m) && dials(m) && !links_.contains(m.card.name))
      dial(m.card.name, where_is(m));
  dial_coordinators();
}

// Before the first view, and later: a new one will come to where a dead one was.
void hub::dial_coordinators() {
  for (const auto& c : options_.coordinators) {
    const auto& name = c.name.empty() ? answered_ : c.name;
    const auto* known = view_->find(name);
    const bool they_dial =
        serves(role::coordinator) && (c.name.empty() || c.name >= options_.card.name);
    if (they_dial || links_.contains(name) || (known != nullptr && known->alive())) continue;
    dial(c.name, c.links);
  }
}

bool hub::is_coordinator(const std::string& peer) const {
  const auto* known = view_->find(peer);
  if (known != nullptr) return known->card.serves == role::coordinator;
  const auto configured = [&](const coordinator_address& c) { return c.name == peer; };
  return peer == answered_
         || std::any_of(options_.coordinators.begin(), options_.coordinators.end(), configured);
}

std::vector<std::string> hub::whom_to_ask() const {
  std::vector<std::string> asked;
  for (const auto& [peer, l] : links_)
    if (is_coordinator(peer)) asked.push_back(peer);
  const bool stands = std::find(asked.begin(), asked.end(), standing_.name) != asked.end();
  return stands ? std::vector{standing_.name} : asked;
}

endpoint hub::where_is(const cluster::member& peer) const {
  for (const auto& c : options_.coordinators)
    if (peer.card.name == (c.name.empty() ? answered_ : c.name)) return c.links;
  return peer.card.links;
}

void hub::dial(const std::string& peer, const endpoint& address) {
  if (buggify<"hub: dials later">()) return;
  const auto now = now_of(home_system());
  const auto wait = redial_at_.find(peer);
  if (wait != redial_at_.end() && now < wait->second) return;
  redial_at_[peer] = now + dial_patience;
  options_.outside->dial(peer, address, caf::actor_cast<caf::actor>(this));
}

void hub::join() {
  last_join_ = now_of(home_system());
  epoch highest;
  for (const auto& shard : view_->shards) highest = std::max(highest, shard.epoch);
  const auto request =
      encode(cluster::join{options_.card, incarnation_, highest, view_->number, options_.settings});
  for (const auto& peer : whom_to_ask()) send_to(peer, frame_kind::join, request);
  if (!roles_.coordinator) return;
  incoming own{
      options_.card.name, {{frame_kind::join, request}}, caf::actor_cast<caf::actor>(this), 0};
  send(roles_.coordinator, std::move(own));
}

void hub::on_tick() {
  dial_missing();
  if (buggify<"hub: pulls a view again">())
    for (const auto& who : whom_to_ask())
      send_to(who, frame_kind::view_pull, encode(cluster::view_pull{}));
  if (buggify<"hub: tells its roles the view again">())
    tell_roles(caf::make_message(view_changed{view_}));
  if (roles_.hub && buggify<"hub: joins again">()) join();
  const auto* self = view_->find(options_.card.name);
  const bool in = self != nullptr && self->card.boot == options_.card.boot && self->alive();
  if (!in && roles_.hub && now_of(home_system()) - last_join_ >= rejoin_interval) join();
}

cluster::hello hub::introduction() const {
  return {options_.card.name, options_.card.boot, incarnation_, 1, view_->number, {}};
}

void hub::send_to(const std::string& peer, frame_kind kind, std::string bytes) {
  const auto found = links_.find(peer);
  if (found != links_.end()) send(found->second.link, outgoing{kind, std::move(bytes)});
}

void hub::tell_roles(const caf::message& what) {
  for (const auto& r :
       {roles_.coordinator, roles_.dispatcher, roles_.proxy, roles_.container, roles_.inspector})
    if (r) send(r, what);
}

std::string hub::state_line() const {
  return "view " + std::to_string(view_->number.value) + ", " + std::to_string(links_.size())
         + " links";
}

} // namespace holdfast::actors
