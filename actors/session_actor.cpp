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
    : observed_actor(config, size::small), start_{std::move(start)} {}

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
  report(std::move(first), true);
  return {
      [this](session_input& input) { report(machine_->on(input.what, now()), false); },
      [this](session_quarantine) { report(machine_->quarantine(now()), true); },
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
  step.snapshot = machine_->snapshot(now());
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
  if (commits) step.snapshot = machine_->snapshot(now());
  if (commits || started) step.keys = machine_->keys();
  const auto dialogs = machine_->dialogs();
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
  send(start_.shard, std::move(step));
}

std::string session_actor::state_line() const {
  if (!machine_) return "not restored";
  return machine_->application() + (machine_->stable() ? ", stable, " : ", ")
         + std::to_string(machine_->dialogs()) + " dialogs, "
         + std::to_string(machine_->open_transactions()) + " open transactions";
}

// What its shard knows of it comes with the question; its own messages are added.
bool session_actor::describe(const describe_yourself& question, cluster::picture& into) {
  if (!question.known || question.known->details.empty()) return true;
  into = *question.known;
  auto mine = own_detail();
  auto& detail = into.details.front();
  detail.row = std::move(mine.row);
  detail.messages = std::move(mine.messages);
  return true;
}

void session_actor::add_to(cluster::obituary& mine) const {
  mine.session = start_.address;
}

} // namespace holdfast::actors
