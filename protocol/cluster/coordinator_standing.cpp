// Which coordinator decides: claims, and standing by (candidacy.hpp has the rule).
#include "protocol/cluster/coordinator.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

// What the ledger says now is what a claim is made against, so it is read first.
void coordinator::consider_standing() {
  if (!loaded_ || loading_ || decides() || now_ < load_again_) return;
  if (candidacy_.may_claim(now_)) order_load();
}

// The write is what counts; it goes out with the next plan, together with what is known of deaths.
void coordinator::claim() {
  claiming_ = true;
  must_write_ = true;
  claimed_ = cause{candidacy_.why(), candidacy_.since()};
  start_watching();
}

// By what we know; whether it still does shows when we claim.
bool coordinator::another_stands() const {
  const auto whom = standing().name;
  return !decides() && !whom.empty() && (whom != self_ || candidacy_.superseded());
}

// Whatever was begun is the business of another; what was heard remains.
void coordinator::stand_by() {
  if (!another_stands()) return;
  must_write_ = false;
  outstanding_.reset();
  pulling_.reset();
  fencing_.clear();
  absent_.clear();
  spared_.clear();
  drain_wishes_.clear();
  drains_.clear();
  inactive_since_.reset();
  not_ready_since_.reset();
  takeover_.reset();
  // Who is let in meanwhile is not known here, and an old request must not undo that.
  std::erase_if(joins_, [&](const auto& j) { return j.first != self_; });
  const auto whom = to_string(standing());
  const bool news = std::exchange(standing_said_, whom) != whom;
  if (news && candidacy_.superseded())
    say(true, whom + ", another process of our name, has taken the ledger over; this one stands by "
                  + "for good");
  else if (news)
    say(false, whom + " coordinates; this one stands by");
}

void coordinator::follow(const view& newest) {
  if (newest.number <= record_.now_valid.number) return;
  const auto before = std::exchange(record_.now_valid, newest);
  truth_.on_view(before, newest, now_);
  candidacy_.on_view(newest, now_);
  shards_.forget_moves();
  forget_settled();
  if (loaded_) stand_by();
}

// Exactly one coordinator of a view is active: the one that writes it.
void coordinator::appoint(proposal& p) {
  for (auto& m : p.next.now_valid.members) {
    if (m.card.serves != role::coordinator || !m.alive()) continue;
    const bool us = m.card.name == self_ && m.card.boot == joins_.at(self_).card.boot;
    if (us && m.state != member_state::active && claimed_) {
      p.causes.push_back(to_string(m.id()) + " coordinates (" + claimed_->why + ")");
      p.since = std::min(p.since, claimed_->since);
    }
    m.state = us ? member_state::active : member_state::joining;
  }
}

// While it does not answer no shard changes its owner, and calls go on.
void coordinator::note_ledger(const std::string& error) {
  const bool failed_before = !ledger_health_.error.empty();
  if (error.empty() && failed_before) say(false, "the ledger answers again");
  if (!error.empty() && !failed_before) {
    say(true, "the ledger can not be read: " + error);
    ledger_health_.since = now_;
  }
  ledger_health_.error = error;
}

} // namespace holdfast::cluster
