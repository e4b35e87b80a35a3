// Messages on their way to a session: known by token, found in the directory, or to be placed.
#include "actors/container.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/session/stateless.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace holdfast::actors {

using cluster::frame_kind;

// `from`: the node that sent it to us; our own name when it was here already.
void container::on_sip(cluster::sip_in message, const std::string& from) {
  if (message.view > current_view().number) {
    send(options_.hub, newer_view_seen{from, message.view});
    if (!owns(message.to.shard)) return wait_for_view(std::move(message), from);
  }
  if (placed_by_a_former_directory(message, from)) return;
  const auto shard = message.to.shard;
  if (owns(shard)) {
    serve(std::move(message));
    return;
  }
  // By our view it is somebody else's. Passed on once; the proxy that holds it does the rest.
  const auto* entry = entry_of(shard);
  if (entry == nullptr || message.forwarded || !entry->owned()) return;
  message.forwarded = true;
  forward(std::move(message), entry->owner.name);
}

// By that view the shard may be ours; by our own it may be that of a node which is dead by now, and
// who sent the message has given it to the owner that it knows.
void container::wait_for_view(cluster::sip_in message, const std::string& from) {
  if (ahead_.size() < early_messages_max)
    ahead_.emplace_back(std::move(message), from);
  else if (std::has_single_bit(++early_dropped_))
    spdlog::warn("too much waits for a newer view: {} messages dropped so far", early_dropped_);
}

// Its successor may have asked us for that request already, and placed it elsewhere: two sessions
// would be one too many. The proxy that holds the request brings it to the successor.
bool container::placed_by_a_former_directory(const cluster::sip_in& message,
                                             const std::string& from) const {
  if (!message.forwarded || !message.may_create || message.to.session.value == 0
      || message.key.empty() || message.view > current_view().number || from == options_.name)
    return false;
  const auto* home = entry_of(cluster::home_shard(message.key, options_.settings.shard_count));
  return home != nullptr && home->owner.name != from;
}

void container::serve(cluster::sip_in message) {
  const auto shard = message.to.shard;
  auto& h = hosted_[shard];
  if (message.may_create && message.to.session.value != 0)
    keys_.try_emplace(message.key, message.to); // known to be here before it is
  if (!h.active || h.stalled.size() > stalled_emissions_max) {
    if (h.early.size() < early_messages_max)
      h.early.push_back(std::move(message));
    else if (std::has_single_bit(++early_dropped_))
      spdlog::warn("shard {} is not active: {} messages dropped so far", shard.value,
                   early_dropped_);
    return;
  }
  if (message.to.session.value != 0 || message.by_address_of_record)
    deliver(std::move(message));
  else
    look_up(std::move(message));
}

void container::deliver(cluster::sip_in message) {
  const auto shard = message.to.shard;
  witness_delivery(options_.name, shard.value, hosted_.at(shard).epoch.value);
  gauge_.message(now());
  if (message.receipt != 0 && timed_.size() < timed_messages_max)
    timed_.emplace(std::pair{message.proxy, message.receipt}, now());
  if (auto* h = active_shard(shard); h != nullptr && !h->served_at) h->served_at = now();
  to_shard(shard, caf::make_message(shard_message{std::move(message)}));
}

void container::look_up(cluster::sip_in message) {
  auto where = directory_.find(message.key, now());
  if (!where) where = known_here(message.key); // placed here by a directory that is no more
  if (where) {
    message.to = *where;
    message.forwarded = false;
    if (active_shard(where->shard) != nullptr)
      deliver(std::move(message));
    else
      on_sip(std::move(message), options_.name);
    return;
  }
  if (const auto running = searching_.find(message.key); running != searching_.end()) {
    searches_.at(running->second).messages.push_back(std::move(message));
    return;
  }
  const auto& h = hosted_.at(message.to.shard);
  const bool may_have_forgotten = (h.took_over && now() - h.active_since < fresh_directory)
                                  || buggify<"container: asks before it creates">();
  if (may_have_forgotten && searches_.size() < pending_questions_max)
    start_search(std::move(message));
  else if (message.may_create)
    place(std::move(message));
  else
    deliver(std::move(message)); // of no session: the shard answers it
}

// Written down before it is forwarded, so that copies, CANCEL and ACK follow.
void container::place(cluster::sip_in message) {
  if (!message.emergency && (gauge_.overrun(now()) || buggify<"container: ignores new work">())) {
    ignore(message);
    return;
  }
  const auto home = message.to.shard;
  const session_address where{shard_for_new_session().value_or(home),
                              session_id{options_.outside->random()}};
  directory_.place(home, message.key, where, now());
  message.to = where;
  if (active_shard(where.shard) != nullptr) {
    deliver(std::move(message));
    return;
  }
  message.forwarded = true;
  forward(std::move(message), entry_of(where.shard)->owner.name);
}

// More was let in than we can take: silence costs least, and whoever means it asks again. Over a
// stream nobody would.
void container::ignore(const cluster::sip_in& message) {
  handled_[message.proxy].receipts.push_back(message.receipt);
  if (std::has_single_bit(++overruns_))
    spdlog::warn("above the maximum message rate: {} new requests ignored so far", overruns_);
  const auto* home = entry_of(message.to.shard);
  if (!message.source.reliable() || home == nullptr) return;
  if (auto refusal = session::stateless_response(message.bytes, message.source, 503, 2s))
    emit_sip_out({{message.to.shard,
                   home->epoch,
                   {},
                   {},
                   std::move(refusal->destination),
                   std::move(refusal->bytes)},
                  message.proxy,
                  {}});
}

// A random shard of the container that the policy chooses.
std::optional<shard_id> container::shard_for_new_session() {
  std::vector<cluster::balancer::host> hosts;
  for (const auto& m : current_view().members)
    if (m.card.serves == cluster::role::container && m.state == cluster::member_state::active
        && (m.card.name == options_.name || reachable().contains(m.card.name)))
      hosts.push_back({m.card.name, m.card.weight});
  auto chosen = balancer_.choose(hosts, options_.outside->random());
  if (!chosen) return std::nullopt;
  if (buggify<"container: the last one takes new work">()) chosen = hosts.size() - 1;
  const auto* best = current_view().find(hosts[*chosen].name);
  std::vector<shard_id> owned;
  for (std::uint16_t i = 0; i < current_view().shards.size(); ++i)
    if (current_view().shards[i].owner == best->id()) owned.push_back(shard_id{i});
  if (owned.empty()) return std::nullopt;
  return owned[options_.outside->random() % owned.size()];
}

void container::forward(cluster::sip_in message, const std::string& owner) {
  message.view = current_view().number;
  send_frame(owner, frame_kind::sip_in, message);
}

// ---- after a takeover: ask before creating
// ----------------------------------------------------------

void container::start_search(cluster::sip_in message) {
  const auto id = ++next_search_;
  search s{message.to.shard, message.key, now() + who_has_timeout, 0, {}};
  const cluster::who_has question{id, message.key, current_view().number};
  for (const auto& m : current_view().members)
    if (m.card.serves == cluster::role::container && m.alive() && m.card.name != options_.name
        && send_frame(m.card.name, frame_kind::who_has, question))
      ++s.answers_missing;
  if (!knows_its_sessions() && answer_later(options_.name, question)) ++s.answers_missing;
  searching_[s.key] = id;
  s.messages.push_back(std::move(message));
  const bool nobody_to_ask = s.answers_missing == 0;
  const auto it = searches_.emplace(id, std::move(s)).first;
  if (nobody_to_ask) finish_search(it);
}

void container::on_who_has(const std::string& peer, const cluster::who_has& q) {
  const bool of_a_newer_view = q.view > current_view().number;
  if (of_a_newer_view) send(options_.hub, newer_view_seen{peer, q.view});
  const auto where = known_here(q.key);
  if (of_a_newer_view || (!where && !knows_its_sessions())) {
    (void)answer_later(peer, q);
    return;
  }
  const cluster::who_has_reply reply{q.id, where.has_value(), where.value_or(session_address{})};
  if (peer == options_.name)
    on_who_has_reply(reply);
  else
    send_frame(peer, frame_kind::who_has_reply, reply);
}

bool container::answer_later(const std::string& peer, const cluster::who_has& q) {
  if (asked_early_.size() >= pending_questions_max) return false;
  asked_early_.emplace_back(peer, q);
  return true;
}

void container::answer_those_who_wait() {
  for (const auto& [peer, q] : std::exchange(asked_early_, {})) on_who_has(peer, q);
}

// Not while a shard that we took over has not yet said whose keys it holds.
bool container::knows_its_sessions() const {
  return std::all_of(hosted_.begin(), hosted_.end(), [this](const auto& item) {
    const auto& [id, h] = item;
    return !h.took_over || h.told_keys || !owns(id);
  });
}

std::optional<session_address> container::known_here(const std::string& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? std::nullopt : std::optional{found->second};
}

void container::forget_keys_of(shard_id id) {
  std::erase_if(keys_, [id](const auto& k) { return k.second.shard == id; });
}

void container::on_who_has_reply(const cluster::who_has_reply& r) {
  const auto it = searches_.find(r.id);
  if (it == searches_.end()) return;
  auto& s = it->second;
  if (r.found) directory_.place(s.home, s.key, r.where, now());
  if (r.found || --s.answers_missing == 0) finish_search(it);
}

void container::finish_search(std::map<std::uint64_t, search>::iterator it) {
  auto s = std::move(it->second);
  searching_.erase(s.key);
  searches_.erase(it);
  for (auto& message : s.messages) {
    if (!owns(s.home))
      on_sip(std::move(message), options_.name);
    else if (directory_.find(s.key, now()))
      look_up(std::move(message));
    else if (message.may_create)
      place(std::move(message));
    else
      deliver(std::move(message));
  }
}

} // namespace holdfast::actors
