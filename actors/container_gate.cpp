// The gate: what sessions want to say, and whether this node may still say it.
#include "actors/container.hpp"
#include "protocol/core/buggify.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace holdfast::actors {

using cluster::frame_kind;

void container::on_output(shard_output& output) {
  const auto found = hosted_.find(output.shard);
  if (found == hosted_.end() || found->second.epoch != output.epoch) return; // given up meanwhile
  for (auto& f : output.frames) send_to(f.peer, f.kind, std::move(f.bytes));
  auto& h = found->second;
  for (const auto& d : output.deadlines) wheel_.arm(d.at, {output.shard, d.session}, d.generation);
  for (auto& [key, session] : output.new_keys) keys_[std::move(key)] = {output.shard, session};
  for (const auto& key : output.ended_keys) {
    keys_.erase(key);
    const auto home = cluster::home_shard(key, options_.settings.shard_count);
    const auto* entry = entry_of(home);
    if (owns(home))
      directory_.forget(key);
    else if (entry != nullptr)
      send_frame(entry->owner.name, frame_kind::directory_release,
                 cluster::directory_release{home, key});
  }
  h.status.load = output.load;
  gauge_.started(output.started, now());
  h.guards = std::move(output.guards);
  h.stalled.insert(h.stalled.end(), std::make_move_iterator(output.emissions.begin()),
                   std::make_move_iterator(output.emissions.end()));
  h.stalled_upto = output.held;
  emit_stalled(output.shard, h);
  flush_handled();
}

bool container::may_speak(const hosted& h) const {
  return std::all_of(h.guards.begin(), h.guards.end(),
                     [this](const std::string& guard) { return holder_.holds(guard, now()); });
}

void container::emit_stalled(shard_id id, hosted& h) {
  if (!owns(id) || !h.active || !may_speak(h)) return;
  if (!h.stalled.empty() && buggify<"gate: speaks later">()) return;
  if (!h.stalled.empty()) witness_emission(options_.name, id.value, h.epoch.value);
  while (!h.stalled.empty()) {
    auto next = std::move(h.stalled.front());
    h.stalled.pop_front();
    emit(std::move(next));
  }
  if (h.stalled_upto.value > 0) send(h.actor, shard_emitted{h.stalled_upto});
  h.stalled_upto = {};
}

void container::emit(emission e) {
  if (auto* out = std::get_if<emit_sip>(&e))
    emit_sip_out(std::move(*out));
  else if (auto* finished = std::get_if<emit_handled>(&e))
    dealt_with(finished->done);
  else if (auto* question = std::get_if<emit_ask>(&e))
    on_question(std::move(question->question), question->timeout);
  else if (auto* reply = std::get_if<emit_answer>(&e))
    send_answer(std::move(*reply));
}

void container::dealt_with(const receipt& of) {
  handled_[of.proxy].receipts.push_back(of.number);
  const auto timed = timed_.find({of.proxy, of.number});
  if (timed == timed_.end()) return;
  gauge_.dealt_with(now() - timed->second);
  timed_.erase(timed);
}

// Through the proxy that has the connection, the one it prefers while that lives, or any other:
// proxies keep no call state.
void container::emit_sip_out(emit_sip out) {
  if (out.until && now() > *out.until) return;
  const bool stream = out.message.destination.reliable();
  const std::string connected{out.message.destination.proxy()};
  const auto bytes = encode(out.message);
  const auto handed = [&](const std::string& to) {
    if (!send_to(to, frame_kind::sip_out, bytes)) return false;
    if (stream && !out.message.branch.empty())
      said_.said(to, {out.message.from, out.message.branch}, now());
    return true;
  };
  if (!connected.empty() && handed(connected)) return;
  const bool any_will_do = !stream && buggify<"gate: any proxy will do">();
  if (!out.proxy.empty() && out.proxy != connected && !any_will_do && handed(out.proxy)) return;
  const auto& members = current_view().members;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& m = members[next_proxy_++ % members.size()];
    if (m.card.serves == cluster::role::proxy && m.alive() && handed(m.card.name)) return;
  }
  if (std::has_single_bit(++emissions_lost_))
    spdlog::warn("no proxy can be reached: {} messages not sent so far", emissions_lost_);
  if (!out.message.branch.empty() && unsent_.size() < unsent_max)
    unsent_.try_emplace(out.message.branch, unsent{emissions_lost_, out.message.from});
}

// Sessions say again what a proxy was given in its last moments, as far as it has no answer yet.
void container::tell_of_lost_output(const std::string& dead_proxy) {
  for (auto& lost : said_.take(dead_proxy, now())) say_again(lost.from, std::move(lost.branch));
}

// The timer of a request may be seconds away by the time at which it could be sent.
void container::tell_of_unsent() {
  if (unsent_.empty() || !has_proxy()) return;
  std::map<std::uint64_t, cluster::recent_output::request> in_order;
  for (auto& [branch, u] : std::exchange(unsent_, {}))
    in_order.emplace(u.number, cluster::recent_output::request{u.from, branch});
  for (auto& [number, request] : in_order) say_again(request.from, std::move(request.branch));
}

bool container::has_proxy() const {
  const auto& members = current_view().members;
  return std::any_of(members.begin(), members.end(), [this](const cluster::member& m) {
    return m.card.serves == cluster::role::proxy && m.alive() && reachable().contains(m.card.name);
  });
}

void container::say_again(session_address from, std::string branch) {
  to_shard(from.shard, caf::make_message(shard_send_failure{{from, std::move(branch), true}}));
}

void container::send_keepalives() {
  if (buggify<"gate: a keep-alive is left out">()) return;
  cluster::keepalive k;
  k.view = current_view().number;
  for (const auto& m : current_view().members) {
    if (m.card.serves != cluster::role::container || !m.alive() || m.card.name == options_.name)
      continue;
    if (!reachable().contains(m.card.name)) continue;
    k.tick = holder_.next_tick(m.card.name, now());
    send_frame(m.card.name, frame_kind::keepalive, k);
  }
}

cluster::load_figures container::own_load() const {
  cluster::load_figures sum;
  for (const auto& [id, h] : hosted_) {
    sum.sessions += h.status.load.sessions;
    sum.transactions += h.status.load.transactions;
    sum.work += h.status.load.work;
  }
  return sum;
}

// To whoever decides where new work goes: every directory and every proxy, ourselves among them.
void container::tell_load() {
  if (buggify<"gate: tells no load">()) return;
  const auto told = gauge_.report(own_load(), now());
  told_load(options_.name, told);
  const auto bytes = encode(told);
  for (const auto& m : current_view().members)
    if (m.alive() && m.card.name != options_.name
        && (m.card.serves == cluster::role::container || m.card.serves == cluster::role::proxy))
      send_to(m.card.name, frame_kind::load, bytes);
}

// One that is full is passed by for as long as another is not.
void container::told_load(const std::string& peer, const cluster::load& told) {
  balancer_.report(peer, told.figures);
  balancer_.full(peer, told.allowed_rate == 0);
}

void container::flush_handled() {
  if (buggify<"gate: receipts wait">()) return;
  for (auto& [proxy, receipts] : handled_)
    if (!receipts.receipts.empty()) send_frame(proxy, frame_kind::handled, receipts);
  handled_.clear();
}

} // namespace holdfast::actors
