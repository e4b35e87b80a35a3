#include "protocol/cluster/suspicions.hpp"

#include "protocol/core/buggify.hpp"

#include <algorithm>

namespace holdfast::cluster {

namespace {

const std::string own_detector; // the empty observer name

} // namespace

void suspicions::heard_from(const std::string& observer, const node_id& of, bool suspected,
                            instant now) {
  if (suspected) {
    since_[of].emplace(observer, now); // it was suspected since the first time it was said
    return;
  }
  const auto found = since_.find(of);
  if (found == since_.end()) return;
  found->second.erase(observer);
  if (found->second.empty()) since_.erase(found);
}

void suspicions::forget(const node_id& who) {
  since_.erase(who);
  for (auto it = since_.begin(); it != since_.end();) {
    it->second.erase(who.name);
    it = it->second.empty() ? since_.erase(it) : std::next(it);
  }
}

void suspicions::forget_dead(const view& v) {
  std::erase_if(since_, [&](const auto& item) {
    return v.find(item.first.name) != nullptr && !v.alive(item.first);
  });
}

void suspicions::restart(instant now, instant believe_from) {
  believe_from_ = std::max(believe_from_, believe_from);
  for (auto& [of, observers] : since_)
    for (auto& [observer, since] : observers) since = now;
}

bool suspicions::ours(const node_id& of) const {
  const auto found = since_.find(of);
  return found != since_.end() && found->second.contains(own_detector);
}

bool suspicions::stands(const node_id& of, const view& v, instant now) const {
  if (now < believe_from_ || !ours(of)) return false;
  if (buggify<"suspicions: one observer is enough">()) return true;
  if (buggify<"suspicions: not believed yet">()) return false;
  const auto& observers = since_.at(of);
  if (observers.size() > 1) return true;
  const auto lasts = now - observers.at(own_detector);
  const auto* subject = v.find(of);
  if (subject == nullptr || subject->card.serves != role::container)
    return lasts >= lone_observer_patience;
  const bool second_is_well = std::any_of(v.members.begin(), v.members.end(), [&](const member& m) {
    return m.card.serves == role::container && m.alive() && m.id() != of && !ours(m.id());
  });
  return lasts >= (second_is_well ? second_observer_patience : lone_observer_patience);
}

bool suspicions::cut_off(const node_id& owner, const node_id& replica, instant now) const {
  const auto found = since_.find(replica);
  if (now < believe_from_ || found == since_.end()) return false;
  const auto said = found->second.find(owner.name);
  return said != found->second.end() && now - said->second >= stalled_owner_patience;
}

std::vector<node_id> suspicions::suspects() const {
  std::vector<node_id> found;
  for (const auto& [of, observers] : since_)
    if (observers.contains(own_detector)) found.push_back(of);
  return found;
}

} // namespace holdfast::cluster
