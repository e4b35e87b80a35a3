// The next record: facts applied to what the ledger holds.
#include "protocol/cluster/coordinator.hpp"
#include "protocol/core/buggify.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

namespace {

epoch highest_epoch(const view& v) {
  epoch highest;
  for (const auto& entry : v.shards) highest = std::max(highest, entry.epoch);
  return highest;
}

std::string count_of(std::size_t n, const char* what) {
  return ", " + std::to_string(n) + " " + what;
}

} // namespace

void coordinator::propose_if_needed() {
  if (!loaded_ || outstanding_ || wait_for_newer_view()) return;
  if (!joins_.contains(self_)) return; // our own hub has not spoken yet
  if (buggify<"coordinator: plans later">()) return;
  proposal p;
  p.next = record_;
  p.since = now_;
  apply_joins(p);
  appoint(p);
  apply_wishes(p);
  apply_deaths(p);
  apply_shards(p);
  if (p.next == record_ && !must_write_) return;
  note_states(p);
  ++p.next.number;
  ++p.next.now_valid.number.value;
  p.ordered = now_;
  out_.push_back(control::write_ledger{p.next.number, encode(p.next)});
  outstanding_ = std::move(p);
}

// A member knows a view that the ledger does not: it was lost or is old. Nothing is decided over
// living sessions before we have seen that view, or waited long enough for it.
bool coordinator::wait_for_newer_view() {
  if (pulling_) {
    if (now_ - pulling_->second < pull_patience) return true;
    say(true, pulling_->first + " knows a newer view than the ledger and does not give it");
    if (const auto found = joins_.find(pulling_->first); found != joins_.end())
      found->second.view = view_number{};
    pulling_.reset();
  }
  const join* newest = nullptr;
  for (const auto& [name, request] : joins_)
    if (request.view > record_.now_valid.number
        && (newest == nullptr || request.view > newest->view))
      newest = &request;
  if (newest == nullptr) return false;
  pulling_ = {newest->card.name, now_};
  out_.push_back(control::pull_view{newest->card.name});
  return true;
}

void coordinator::apply_joins(proposal& p) {
  const auto waiting = joins_;
  for (const auto& [name, request] : waiting) {
    const auto outcome = apply_join(p.next, request);
    if (outcome.what == join_outcome::kind::must_learn
        || outcome.what == join_outcome::kind::refused)
      joins_.erase(name); // fenced since it asked; it learns that from the view
    if (outcome.what != join_outcome::kind::admitted) continue;
    p.causes.push_back(to_string(p.next.now_valid.find(name)->id()) + " joined");
    if (!outcome.replaced) continue;
    last_death_ = now_;
    p.gone.emplace(*outcome.replaced, fence::certain_death);
    p.causes.push_back(to_string(*outcome.replaced) + " is dead, it has a successor");
  }
}

void coordinator::apply_wishes(proposal& p) {
  for (auto it = drain_wishes_.begin(); it != drain_wishes_.end();) {
    auto* m = find_member(p.next.now_valid, it->first);
    const auto wanted = it->second ? member_state::draining : member_state::active;
    const bool settled = m == nullptr || !m->alive() || m->state == wanted
                         || (!it->second && m->state != member_state::draining);
    if (!settled) m->state = wanted;
    it = settled ? drain_wishes_.erase(it) : std::next(it);
  }
}

void coordinator::apply_deaths(proposal& p) {
  for (const auto& [who, c] : dead_) apply_death(p, who, c, fence::certain_death);
  for (const auto& [who, f] : fencing_) {
    const auto* m = p.next.now_valid.find(who);
    if (!f.by_lease || m == nullptr || !m->alive() || !may_fence(*m)) continue;
    last_death_ = now_;
    apply_death(p, who, {f.why + "; fenced by its lease", f.since}, fence::lease);
  }
}

void coordinator::apply_death(proposal& p, const node_id& who, const cause& c, fence how) {
  p.gone.emplace(who, how);
  auto* m = find_member(p.next.now_valid, who);
  if (m == nullptr || !m->alive()) return;
  if (!planted<"dead-node-stays-in-the-view">()) m->state = member_state::down;
  // What it asked for it asked as the one that is down; it has to ask again.
  const auto asked = joins_.find(who.name);
  if (asked != joins_.end() && asked->second.card.boot == m->card.boot) joins_.erase(asked);
  p.since = std::min(p.since, c.since);
  p.causes.push_back(to_string(who) + " is down (" + c.why + ")");
}

void coordinator::apply_shards(proposal& p) {
  const auto facts = facts_for(p);
  p.news = shards_.plan(p.next.now_valid, facts, truth_);
}

shard_facts coordinator::facts_for(const proposal& p) {
  const auto& v = record_.now_valid;
  shard_facts facts;
  facts.of_cluster = record_.cluster_settings;
  if (floor_ > highest_epoch(v)) facts.floor = floor_;
  facts.gone = p.gone;
  for (const auto& who : suspicions_.suspects()) facts.suspects.insert(who);
  for (const auto& [who, f] : fencing_) facts.suspects.insert(who);
  auto synced = truth_.synced(v);
  if (synced.empty())
    sync_since_.reset();
  else if (!sync_since_)
    sync_since_ = now_;
  const bool at_once = buggify<"coordinator: believes a synced replica at once">();
  if (sync_since_ && (now_ - *sync_since_ >= sync_batch || !p.gone.empty() || at_once))
    facts.synced = std::move(synced);
  for (std::size_t i = 0; i < v.shards.size(); ++i)
    for (const auto& r : v.shards[i].replicas)
      if (r.in_sync && suspicions_.cut_off(v.shards[i].owner, r.node, now_))
        facts.cut_off.emplace_back(shard_id{static_cast<std::uint16_t>(i)}, r.node);
  const auto formed_since = std::max(last_container_join_, watching_since_);
  facts.formed = now_ - formed_since >= formation_window;
  facts.quiet = p.gone.empty() && quiet();
  return facts;
}

bool coordinator::quiet() const {
  if (buggify<"coordinator: is not at rest">()) return false;
  const auto& v = record_.now_valid;
  const auto& s = record_.cluster_settings;
  std::set<std::size_t> peopled; // a domain without containers waits, and the others go on
  for (const auto* m : living_containers(v)) peopled.insert(domain_of(s, m->card.name).value_or(0));
  const bool no_death_lately =
      last_death_ == instant::min() || now_ - last_death_ >= quiet_after_death;
  return no_death_lately && dead_.empty() && fencing_.empty() && absent_.empty()
         && std::ranges::none_of(suspicions_.suspects(),
                                 [&](const node_id& who) { return v.alive(who); })
         && std::all_of(v.shards.begin(), v.shards.end(), [&](const shard_entry& e) {
              const auto shard = static_cast<std::uint16_t>(&e - v.shards.data());
              return v.alive(e.owner) || !peopled.contains(domain_of(s, shard_id{shard}));
            });
}

void coordinator::note_states(proposal& p) {
  for (const auto& m : p.next.now_valid.members) {
    const auto* was = record_.now_valid.find(m.id());
    const bool coordinates = m.card.serves == role::coordinator; // is told in words of its own
    if (was == nullptr || was->state == m.state || !m.alive() || coordinates) continue;
    p.causes.push_back(to_string(m.id()) + " is " + std::string{to_string(m.state)});
  }
}

// One line for the operator. What only copies data in the background is not worth one.
void coordinator::tell(const proposal& p) {
  const auto& n = p.news;
  const bool changed_hands = n.promoted + n.emptied + n.moved + n.unprotected > 0;
  if (p.causes.empty() && !changed_hands) return;
  std::string text = "view " + std::to_string(record_.now_valid.number.value);
  for (const auto& c : p.causes) text += ", " + c;
  if (n.promoted > 0)
    text += count_of(n.promoted, "shards promoted with ") + std::to_string(n.sessions_promoted)
            + " sessions";
  if (n.emptied > 0)
    text +=
        count_of(n.emptied, "shards lost with ") + std::to_string(n.sessions_lost) + " sessions";
  if (n.moved > 0) text += count_of(n.moved, "shards moved");
  if (n.highest.value > 0) text += ", epochs up to " + std::to_string(n.highest.value);
  if (n.unprotected > 0) text += count_of(n.unprotected, "shards unprotected");
  if (n.filling > 0) text += count_of(n.filling, "replicas begin to fill");
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - p.since);
  text += "; " + std::to_string(took.count()) + " ms";
  say(n.emptied > 0 || n.unprotected > 0, std::move(text));
}

} // namespace holdfast::cluster
