#include "simulations/simulated_process.hpp"

#include "actors/messages.hpp"
#include "actors/node.hpp"

#include <caf/io/middleman.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/send.hpp>
#include <caf/timespan.hpp>

#include <algorithm>
#include <utility>

namespace holdfast::simulations {

namespace {

using caf_clock = caf::detail::test_actor_clock;

// No two machines agree on what time it is.
constexpr duration clock_offset_max{24h};

// What kind of message it is, in words of our own: frames say it themselves.
void note_kind(timeline& time, const caf::type_erased_tuple& content) {
  if (content.match_elements<actors::frame>()) {
    time.note_kind(content.get_as<actors::frame>(0).kind);
    return;
  }
  for (std::size_t i = 0; i < content.size(); ++i) {
    const auto [number, information] = content.type(i);
    if (information != nullptr)
      time.note_kind(std::string_view{information->name()});
    else
      time.note_kind(number);
  }
}

} // namespace

process_configuration::process_configuration() {
  load<caf::io::middleman>();
  set("scheduler.policy", caf::atom("testing"));
  set("middleman.network-backend", caf::atom("testing"));
  set("middleman.manual-multiplexing", true);
  set("middleman.workers", std::size_t{0});
  // As in the product.
  set("middleman.heartbeat-interval", caf::timespan{250ms});
  set("middleman.connection-timeout", caf::timespan{1000ms});
  actors::register_types(*this);
}

simulated_process::simulated_process(timeline& time, std::string name, std::int64_t pid)
    : time_{time},
      name_{std::move(name)},
      pid_{pid},
      clock_offset_{time.between({}, clock_offset_max)},
      system_{config_},
      scheduler_{dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())},
      multiplexer_{
          dynamic_cast<caf::io::network::test_multiplexer&>(system_.middleman().backend())} {
  set_time();
}

simulated_process::~simulated_process() {
  scheduler_.clock().cancel_all();
  system_.await_actors_before_shutdown(false);
}

void simulated_process::crash() {
  alive_ = false;
  waiting_.clear();
}

void simulated_process::resume() {
  hung_ = false;
  auto waiting = std::exchange(waiting_, {});
  for (auto& what : waiting) execute(std::move(what));
}

void simulated_process::execute(std::function<void()> what) {
  if (!alive_) return;
  if (hung_) return waiting_.push_back(std::move(what));
  touched_ = true;
  take_turn();
  what();
}

bool simulated_process::run_one() {
  if (busy()) return false;
  take_turn();
  const bool actors_first = !scheduler_.jobs.empty() && time_.below(4) != 0;
  const bool ran = actors_first ? run_actor() || run_broker() : run_broker() || run_actor();
  if (ran && slowness_ > 1) become_busy();
  return ran;
}

// Whoever waits for the time to pass needs something to happen then.
void simulated_process::become_busy() {
  const auto cost = usual_cost * slowness_;
  busy_until_ = time_.now() + cost;
  time_.after(cost, [] {});
}

bool simulated_process::run_actor() {
  auto& jobs = scheduler_.jobs;
  if (jobs.empty()) return false;
  std::swap(jobs.front(), jobs[time_.below(jobs.size())]);
  note_next_job();
  return scheduler_.try_run_once();
}

void simulated_process::note_next_job() {
  auto* job = scheduler_.jobs.front();
  if (job->subtype() != caf::resumable::scheduled_actor) return;
  auto* next = static_cast<caf::scheduled_actor*>(job);
  time_.note_step(name_, next->name());
  if (const auto* message = next->mailbox().peek(); message != nullptr)
    note_kind(time_, message->content());
}

instant simulated_process::local_now() const {
  return time_.now() + std::chrono::duration_cast<duration>(clock_offset_);
}

std::optional<instant> simulated_process::next_timer() const {
  const auto& timers = scheduler_.clock().schedule();
  if (timers.empty()) return std::nullopt;
  const auto due = timers.begin()->first.time_since_epoch() - clock_offset_;
  return std::max(time_.now(), instant{std::chrono::ceil<duration>(due)});
}

void simulated_process::trigger_timer() {
  set_time();
  take_turn();
  (void)scheduler_.clock().trigger_timeout();
}

void simulated_process::set_time() {
  auto& current = scheduler_.clock().current_time;
  current =
      std::max(current, caf_clock::time_point{time_.now().time_since_epoch() + clock_offset_});
}

void simulated_process::end_actors(caf::actor root) {
  alive_ = false;
  waiting_.clear();
  scheduler_.clock().cancel_all();
  caf::anon_send_exit(root, caf::exit_reason::user_shutdown);
  root = nullptr;
  while (scheduler_.try_run_once() || multiplexer_.try_exec_runnable()) continue;
}

} // namespace holdfast::simulations
