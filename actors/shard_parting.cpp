// The end of a shard that moves: nothing is wrong, so its new owner gets all of it, calls that are
// not committed yet included (design, "Growing, shrinking").
//
//   the view names another owner -> a last snapshot of each session that has changed since its last
//   commit, and what it would have said as its outbox -> acked by the new owner -> shard_gone
#include "actors/session_actor.hpp"
#include "actors/shard.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace holdfast::actors {

void shard::part(const std::string& successor) {
  parting_ = parting{successor, now(), {}};
  if (!successor.empty())
    for (const auto& [id, s] : sessions_)
      if ((s.changed || !s.unfinished.empty()) && !s.ending) parting_->missing.insert(id);
  for (const auto id : parting_->missing) send(sessions_.at(id).actor, session_part{});
  conclude_if_parted();
}

// Behind its inputs, so nothing of this session comes after it.
void shard::on_parted(session_step& step, slot& s) {
  if (!parting_ || parting_->missing.erase(step.session) == 0 || s.ending) return;
  commit_step(step, s, std::move(s.unsaid), {}, false);
}

void shard::conclude_if_parted() {
  if (!parting_) return;
  const bool all = parting_->missing.empty() && log_.handed_to(parting_->successor);
  const bool overdue = now() - parting_->since >= parting_max;
  if (!all && !overdue) return;
  if (!all)
    spdlog::warn("shard {} epoch {} leaves {} sessions behind that may have to be set up again",
                 start_.shard.value, start_.epoch.value, parting_->missing.size());
  for (auto& f : log_.left(left_)) output_.frames.push_back(std::move(f));
  flush();
  send(container_, shard_gone{start_.shard, start_.epoch});
  quit(caf::exit_reason::user_shutdown);
}

} // namespace holdfast::actors
