#include "protocol/cluster/candidacy.hpp"

#include <algorithm>
#include <charconv>

namespace holdfast::cluster {

const member* coordinator_of(const view& v) {
  const auto found = std::find_if(v.members.begin(), v.members.end(), [](const member& m) {
    return m.card.serves == role::coordinator && m.state == member_state::active;
  });
  return found == v.members.end() ? nullptr : &*found;
}

std::uint32_t number_of_name(std::string_view name) {
  const auto digits = name.substr(name.rfind('-') + 1); // npos + 1 is 0
  std::uint32_t number = 0;
  const auto [rest, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool all = wrong == std::errc{} && rest == digits.data() + digits.size();
  return all && number > 0 ? number : 1;
}

void candidacy::on_view(const view& newest, instant now) {
  const auto* named = coordinator_of(newest);
  const auto next = named == nullptr ? member{} : *named;
  if (!known_ || next.id() != standing_.id() || next.card.boot != standing_.card.boot) {
    const auto* before = newest.find(standing_.id());
    if (known_ && before != nullptr && before->alive()) quarrels_.push_back(now);
    since_ = now;
  }
  known_ = true;
  standing_ = next;
  rivals_.clear();
  for (const auto& m : newest.members)
    if (m.card.serves == role::coordinator && m.card.name != self_ && m.alive())
      rivals_.insert_or_assign(m.card.name, m.id());
  const auto* own = newest.find(self_);
  let_in_ = own != nullptr && own->alive() && own->card.boot == boot_;
  if (let_in_) incarnation_ = own->incarnation;
  if (own != nullptr && own->card.boot != boot_ && incarnation_.value != 0
      && own->incarnation > incarnation_)
    superseded_ = true;
  std::erase_if(suspected_, [&](const auto& s) { return !newest.alive(s.first); });
  while (!quarrels_.empty() && now - quarrels_.front() > quarrel_memory) quarrels_.pop_front();
}

void candidacy::on_suspicion(const node_id& of, bool suspected, instant now) {
  if (suspected)
    suspected_.emplace(of, now);
  else
    suspected_.erase(of);
}

void candidacy::on_end(const std::string& name, std::int64_t pid, instant now) {
  ended_.insert_or_assign(name, std::pair{pid, now});
}

void candidacy::on_late_tick(instant now) {
  for (auto& [who, since] : suspected_) since = now;
  since_ = now;
}

bool candidacy::stands() const {
  return standing_.card.name == self_ && boot_ != 0 && standing_.card.boot == boot_;
}

bool candidacy::predecessor() const {
  return standing_.card.name == self_ && standing_.card.boot != boot_;
}

bool candidacy::gone() const {
  const auto end = ended_.find(standing_.card.name);
  return end != ended_.end() && end->second.first == standing_.card.pid;
}

bool candidacy::may_claim(instant now) const {
  if (!known_ || boot_ == 0 || superseded_ || stands()) return false;
  if (predecessor()) return true;
  if (standing_.card.name.empty() || gone()) return now - since() >= turn();
  if (suspects(standing_.id())) return now - since() >= turn() + quarrel(now);
  return !let_in_ && now - since_ >= unheard_patience + turn();
}

instant candidacy::since() const {
  if (gone()) return std::max(since_, ended_.at(standing_.card.name).second);
  const auto suspected = suspected_.find(standing_.id());
  return suspected == suspected_.end() ? since_ : std::max(since_, suspected->second);
}

std::string candidacy::why() const {
  const auto whom = to_string(standing_.id());
  if (standing_.card.name.empty()) return "nobody did";
  if (predecessor()) return whom + " was its predecessor";
  if (gone()) return "the process of " + whom + " ended";
  if (suspects(standing_.id())) return "the heartbeats of " + whom + " stopped";
  return whom + " let nobody in";
}

// The first by name that is well goes first. Without a view nobody knows of the others, but by the
// number in its name everybody knows how many could be in front of him.
duration candidacy::turn() const {
  if (standing_.card.name.empty() && rivals_.empty())
    return claim_turn * static_cast<int>(std::min(number_of_name(self_), 10U) - 1);
  const auto ahead = std::count_if(rivals_.begin(), rivals_.end(), [&](const auto& r) {
    return r.first < self_ && r.first != standing_.card.name && !suspected_.contains(r.second);
  });
  return claim_turn * static_cast<int>(ahead);
}

duration candidacy::quarrel(instant now) const {
  const auto recent = std::count_if(quarrels_.begin(), quarrels_.end(),
                                    [&](instant at) { return now - at <= quarrel_memory; });
  return std::min(quarrel_patience * static_cast<int>(recent), quarrel_patience_max);
}

} // namespace holdfast::cluster
