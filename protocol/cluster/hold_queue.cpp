#include "protocol/cluster/hold_queue.hpp"

#include "protocol/core/buggify.hpp"

#include <iterator>
#include <map>
#include <string_view>

namespace holdfast::cluster {

bool hold_queue::add(sip_in message, instant now) {
  sometimes<"hold queue: more than ten messages">(held_.size() > 10);
  if (held_.size() >= messages_max) return false;
  const auto receipt = message.receipt;
  held_.insert_or_assign(receipt, entry{std::move(message), now, {}, {}});
  return true;
}

std::optional<hold_queue::delivery> hold_queue::deliver(entry& e, const view& v,
                                                        const std::set<std::string>& reachable) {
  const auto* shard = v.shard(e.message.to.shard);
  if (shard == nullptr || !shard->owned() || !v.alive(shard->owner)) return std::nullopt;
  if (!reachable.contains(shard->owner.name)) return std::nullopt;
  auto owner = to_string(shard->owner);
  const bool again = buggify<"hold queue: delivers again">();
  if (e.sent_to == owner && e.sent_epoch == shard->epoch && !again) return std::nullopt;
  sometimes<"hold queue: replayed to a new owner">(!e.sent_to.empty() && e.sent_to != owner);
  e.sent_to = std::move(owner);
  e.sent_epoch = shard->epoch;
  e.message.view = v.number;
  return delivery{shard->owner.name, e.message};
}

std::optional<hold_queue::delivery> hold_queue::deliver(std::uint64_t receipt, const view& v,
                                                        const std::set<std::string>& reachable) {
  const auto found = held_.find(receipt);
  return found == held_.end() ? std::nullopt : deliver(found->second, v, reachable);
}

std::vector<hold_queue::delivery> hold_queue::deliver_all(const view& v,
                                                          const std::set<std::string>& reachable) {
  std::vector<delivery> out;
  for (auto& [receipt, e] : held_)
    if (auto d = deliver(e, v, reachable)) out.push_back(std::move(*d));
  return out;
}

void hold_queue::handled(const std::vector<std::uint64_t>& receipts) {
  for (const auto receipt : receipts) held_.erase(receipt);
}

void hold_queue::link_lost(const std::string& node) {
  for (auto& [receipt, e] : held_)
    if (e.sent_to.starts_with(node + "#")) e.sent_to.clear();
}

std::vector<hold_queue::expired> hold_queue::expire(instant now) {
  std::vector<expired> out;
  if (buggify<"hold queue: gives up later">()) return out;
  for (auto it = held_.begin(); it != held_.end() && now - it->second.since >= hold_;) {
    out.push_back({std::move(it->second.message), !it->second.sent_to.empty()});
    it = held_.erase(it);
  }
  settle_copies(out);
  return out;
}

// One answer for all copies of a request: those that are still held may not find an owner once the
// first was refused, and it is not refused while an owner has one of them.
void hold_queue::settle_copies(std::vector<expired>& out) {
  std::map<std::string_view, bool> refused; // bytes -> some owner has a copy
  for (const auto& e : out)
    if (!e.delivered) refused.emplace(e.message.bytes, false);
  if (refused.empty()) return;
  for (const auto& e : out)
    if (const auto copy = refused.find(e.message.bytes); e.delivered && copy != refused.end())
      copy->second = true;
  for (auto it = held_.begin(); it != held_.end();) {
    const auto copy = refused.find(it->second.message.bytes);
    const bool delivered = !it->second.sent_to.empty();
    if (copy != refused.end() && delivered) copy->second = true;
    it = copy != refused.end() && !delivered ? held_.erase(it) : std::next(it);
  }
  for (auto& e : out)
    if (!e.delivered) e.delivered = refused.at(e.message.bytes);
}

} // namespace holdfast::cluster
