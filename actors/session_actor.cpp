#include "actors/session_actor.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <exception>
#include <string>

namespace holdfast::actors {

namespace {

// What it threw, for the log of the shard; CAF by itself would print it to stderr.
caf::error described(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return caf::make_error(caf::sec::runtime_error, std::string{e.what()});
  } catch (...) {
    return caf::make_error(caf::sec::runtime_error, std::string{"no std::exception"});
  }
}

} // namespace

session_actor::session_actor(caf::actor_config& config, session_start start)
    : observed_actor(config, size::none), start_{std::move(start)} {}

caf::behavior session_actor::make_behavior() {
  set_exception_handler([](std::exception_ptr& thrown) { return described(thrown); });
  const auto time = now();
  std::vector<session::effect> first;
  if (start_.snapshot) {
    auto restored = session::session::restore(start_.environment, start_.address, *start_.snapshot,
                                              start_.age, time, start_.seed, start_.restarts);
    if (!restored) {
      quit(caf::make_error(caf::sec::runtime_error, "snapshot: " + restored.error().what));
      return {};
    }
    machine_ = std::move(*restored);
    first = machine_->on(session::resumed{}, time);
  } else {
    machine_.emplace(start_.environment, start_.address, start_.seed, start_.restarts);
  }
  start_.snapshot.reset();
  report(std::move(first), true, time);
  return {
      [this](session_input& input) {
        const auto began = now();
        after_deadline_ = std::holds_alternative<session::deadline>(input.what);
        report(machine_->on(input.what, began), false, began);
      },
      [this](session_quarantine) {
        const auto began = now();
        report(machine_->quarantine(began), true, began);
      },
      [this](session_part) { part(); },
  };
}

void session_actor::on_exit() {
  start_.shard = nullptr;
  observed_actor::on_exit();
}

// Another node continues from here; nothing that happens to us any more would be known there.
void session_actor::part() {
  session_step step;
  step.session = start_.address.session;
  step.started = true;
  step.parted = true;
  take_snapshot(step);
  step.keys = machine_->keys();
  step.stable = machine_->stable();
  send(start_.shard, std::move(step));
}

void session_actor::take_snapshot(session_step& into) const {
  into.snapshot = machine_->snapshot(now());
  into.idle = machine_->idle(now());
}

void session_actor::report(std::vector<session::effect> effects, bool started, instant began) {
  session_step step;
  step.session = start_.address.session;
  step.started = started;
  const bool commits = std::any_of(effects.begin(), effects.end(), [](const session::effect& e) {
    return std::holds_alternative<session::commit>(e);
  });
  // Rest follows a deadline: until the last of those that absorb repetitions there is one to come.
  step.rests = after_deadline_ && machine_->can_rest(now());
  if (commits || step.rests) take_snapshot(step);
  if (commits || step.rests || started) step.keys = machine_->keys();
  const auto dialogs = machine_->dialogs();
  step.dialogs = static_cast<std::uint32_t>(dialogs);
  const bool nothing_yet = started && dialogs == 0;
  if (!nothing_yet && dialogs_told_ != dialogs) {
    dialogs_told_ = dialogs;
    step.about = machine_->about();
    step.application = machine_->application();
  }
  step.effects = std::move(effects);
  step.deadline = machine_->next_deadline();
  step.stable = machine_->stable();
  step.open_transactions = machine_->open_transactions();
  step.work = machine_->work();
  step.began = began;
  if (observing()) step.took = now() - began;
  send(start_.shard, std::move(step));
}

} // namespace holdfast::actors
