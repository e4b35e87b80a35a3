#include "actors/session_actor.hpp"

#include "actors/role.hpp"

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
    : caf::event_based_actor(config), start_{std::move(start)} {}

caf::behavior session_actor::make_behavior() {
  set_exception_handler([](std::exception_ptr& thrown) { return described(thrown); });
  const auto now = now_of(home_system());
  if (start_.snapshot) {
    auto restored = session::session::restore(start_.environment, start_.address, *start_.snapshot,
                                              start_.age, now, start_.seed, start_.restarts);
    if (!restored) {
      quit(caf::make_error(caf::sec::runtime_error, "snapshot: " + restored.error().what));
      return {};
    }
    machine_ = std::move(*restored);
  } else {
    machine_.emplace(start_.environment, start_.address, start_.seed, start_.restarts);
  }
  start_.snapshot.reset();
  report({}, true);
  return {
      [this](session_input& input) {
        report(machine_->on(input.what, now_of(home_system())), false);
      },
      [this](session_quarantine) { report(machine_->quarantine(now_of(home_system())), true); },
      [this](session_part) { part(); },
  };
}

void session_actor::on_exit() {
  start_.shard = nullptr;
  caf::event_based_actor::on_exit();
}

// Another node continues from here; nothing that happens to us any more would be known there.
void session_actor::part() {
  session_step step;
  step.session = start_.address.session;
  step.started = true;
  step.parted = true;
  step.snapshot = machine_->snapshot(now_of(home_system()));
  step.keys = machine_->keys();
  step.stable = machine_->stable();
  send(start_.shard, std::move(step));
}

void session_actor::report(std::vector<session::effect> effects, bool started) {
  session_step step;
  step.session = start_.address.session;
  step.started = started;
  const bool commits = std::any_of(effects.begin(), effects.end(), [](const session::effect& e) {
    return std::holds_alternative<session::commit>(e);
  });
  if (commits) step.snapshot = machine_->snapshot(now_of(home_system()));
  if (commits || started) step.keys = machine_->keys();
  step.effects = std::move(effects);
  step.deadline = machine_->next_deadline();
  step.stable = machine_->stable();
  step.open_transactions = machine_->open_transactions();
  step.work = machine_->work();
  send(start_.shard, std::move(step));
}

} // namespace holdfast::actors
