// When a session has an actor: from its first message while anything is in progress, and again with
// each message and each timer of its own. In between it rests: its record is all of it, here and at
// the replicas, and its shard keeps the time.
#include "actors/session_actor.hpp"
#include "actors/shard.hpp"
#include "protocol/core/buggify.hpp"

#include <caf/all.hpp>

#include <algorithm>

namespace holdfast::actors {

void shard::start_session(session_id id, slot& s) {
  s.seen.since = now();
  spawn_actor(id, s, std::nullopt, {});
}

void shard::spawn_actor(session_id id, slot& s, std::optional<std::string> snapshot, duration age) {
  session_start start{environment_,
                      {start_.shard, id},
                      std::move(snapshot),
                      age,
                      s.restarts,
                      outside_->random(),
                      caf::actor_cast<caf::actor>(this)};
  s.actor = spawn<session_actor>(std::move(start));
  actors_[s.actor.address()] = id;
  monitor(s.actor);
}

// From its last commit, or from nothing if there was none. The deadlines of whoever was there
// before mean nothing any more: the new one says its own with its first step.
void shard::spawn_from_record(session_id id, slot& s) {
  s.deadline.reset();
  s.generation = ++generation_;
  const auto* record = log_.find(id);
  if (record == nullptr) return spawn_actor(id, s, std::nullopt, {});
  sometimes<"shard: a session wakes">(record->idle.has_value());
  spawn_actor(id, s, record->state, log_.age(id, now()));
}

// When a session that rests has something to do by itself; a year is as good as never.
void shard::arm_alarm(session_id id, slot& s) {
  const auto idle = log_.find(id)->idle.value_or(duration{0});
  const bool never = idle >= session::session::idle_max || planted<"who-rests-never-wakes">();
  if (never) return arm(id, s, std::nullopt);
  const auto left = idle - log_.age(id, now()) - wake_before;
  arm(id, s, now() + std::max(left, duration{0}));
}

// Its snapshot has just been committed: the record waits for the replicas like any other, and what
// it said before waits with it.
void shard::rest(session_id id, slot& s) {
  dismiss(s);
  arm_alarm(id, s);
}

void shard::dismiss(slot& s) {
  if (!s.actor) return;
  actors_.erase(s.actor.address());
  demonitor(s.actor);
  send_exit(s.actor, caf::exit_reason::user_shutdown);
  s.actor = nullptr;
}

// A session that has rested since this shard came here has told nobody who talks to whom.
void shard::get_acquainted(session_id id, slot& s) {
  if (s.actor || !s.seen.application.empty()) return;
  const auto* record = log_.find(id);
  if (record == nullptr) return;
  auto sketch = session::session::sketch_of(record->state);
  if (!sketch) return;
  s.seen.application = std::move(sketch->application);
  s.seen.about = std::move(sketch->about);
}

} // namespace holdfast::actors
