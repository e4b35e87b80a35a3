#include "actors/observed.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <cxxabi.h>
#include <exception>
#include <memory>
#include <typeinfo>

namespace holdfast::actors {

namespace {

// Small numbers are CAF's own types, the others addresses of std::type_info.
constexpr std::uint64_t builtin_max = 4096;

std::uint64_t kind_of(const caf::type_erased_tuple& content) {
  if (content.empty()) return 0;
  const auto [number, information] = content.type(0);
  return information == nullptr ? number : reinterpret_cast<std::uintptr_t>(information);
}

const std::uint64_t question_kind = reinterpret_cast<std::uintptr_t>(&typeid(describe_yourself));
constexpr std::uint64_t down_kind = caf::type_nr<caf::down_msg>::value;

bool noted = true;

} // namespace

void set_observing(bool on) {
  noted = on;
}

bool observing() {
  return noted;
}

bool is_failure(const caf::error& reason) {
  return reason && reason != caf::exit_reason::user_shutdown && reason != caf::exit_reason::kill
         && reason != caf::exit_reason::remote_link_unreachable;
}

instant now_of(caf::actor_system& system) {
  return instant{std::chrono::duration_cast<duration>(system.clock().now().time_since_epoch())};
}

std::chrono::nanoseconds cost_of_noting(caf::actor_system& system) {
  constexpr int rounds = 8, messages = 500;
  constexpr std::uint64_t kinds = 5; // as an actor usually gets
  cluster::observation figures{cluster::observation::size::full};
  std::atomic<std::uint64_t> counted{0};
  auto best = std::chrono::nanoseconds::max(); // of a round in which nobody else had the core
  for (int round = 0; round < rounds; ++round) {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < messages; ++i) {
      const auto number = counted.fetch_add(1, std::memory_order_relaxed);
      const auto at = now_of(system);
      figures.begin(1 + number % kinds, 1, duration{1}, at);
      figures.end(now_of(system));
    }
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - began;
    best = std::min(best, took / messages);
  }
  return best;
}

std::string kind_text(std::uint64_t kind) {
  if (kind == 0) return "other";
  if (kind < builtin_max) return "caf message " + std::to_string(kind);
  const auto* type = reinterpret_cast<const std::type_info*>(static_cast<std::uintptr_t>(kind));
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text{
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free};
  std::string name = status == 0 ? text.get() : type->name();
  const auto colon = name.rfind("::");
  return colon == std::string::npos ? name : name.substr(colon + 2);
}

observed_actor::observed_actor(caf::actor_config& config, size s)
    : caf::event_based_actor(config), observed_{s} {}

caf::actor observed_actor::my_inspector() const {
  return caf::actor_cast<caf::actor>(home_system().registry().get(caf::atom("inspector")));
}

void observed_actor::initialize() {
  started_ = now();
  // Sessions are told of by their shards: there are many of them.
  if (observed_.of_size() == size::full) introduce();
  caf::event_based_actor::initialize();
}

void observed_actor::introduce() {
  if (const auto to = my_inspector()) caf::anon_send(to, actor_started{address(), id(), name()});
}

void observed_actor::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* by) {
  if (!noted || observed_.of_size() == size::none)
    return caf::event_based_actor::enqueue(std::move(what), by);
  const auto number = enqueued_.fetch_add(1, std::memory_order_relaxed) + 1;
  std::uint64_t none = 0;
  if (stamped_.load(std::memory_order_relaxed) == 0
      && stamped_.compare_exchange_strong(none, number, std::memory_order_relaxed))
    stamp_us_.store(now().time_since_epoch().count(), std::memory_order_relaxed);
  caf::event_based_actor::enqueue(std::move(what), by);
}

// How long the stamped message waited, if this is it.
std::optional<duration> observed_actor::take_stamp(instant at) {
  const auto stamped = stamped_.load(std::memory_order_relaxed);
  if (stamped == 0 || consumed_ < stamped) return std::nullopt;
  const instant since{duration{stamp_us_.load(std::memory_order_relaxed)}};
  stamped_.store(0, std::memory_order_relaxed);
  return std::max(at - since, duration{});
}

caf::invoke_message_result observed_actor::consume(caf::mailbox_element& what) {
  if (observed_.of_size() == size::none) return caf::event_based_actor::consume(what);
  const auto kind = kind_of(what.content());
  if (kind == down_kind) forget_monitor(what.content().get_as<caf::down_msg>(0).source.id());
  if (noted) ++consumed_;
  if (kind == question_kind) {
    (void)take_stamp(now());
    answer(what.content().get_as<describe_yourself>(0));
    return caf::invoke_message_result::consumed;
  }
  if (!noted) return caf::event_based_actor::consume(what);
  const auto at = now();
  const auto waited = take_stamp(at);
  observed_.begin(kind, what.sender ? what.sender->id() : 0, waited, at);
  const auto result = caf::event_based_actor::consume(what);
  observed_.end(now());
  return result;
}

bool observed_actor::cleanup(caf::error&& reason, caf::execution_unit* host) {
  if (!getf(is_cleaned_up_flag) && observed_.of_size() == size::full) {
    if (const auto to = my_inspector()) {
      if (is_failure(reason)) {
        auto mine = own_detail();
        caf::anon_send(to, actor_died{{std::move(mine.row),
                                       {},
                                       home_system().render(reason),
                                       std::move(mine.messages),
                                       {}}});
      }
      caf::anon_send(to, actor_ended{id()});
    }
  }
  return caf::event_based_actor::cleanup(std::move(reason), host);
}

bool observed_actor::describe(const describe_yourself&, cluster::picture&) {
  return true;
}

void observed_actor::note_monitor(std::uint64_t id) {
  ++monitoring_;
  if (monitors_.size() < monitors_told_max) monitors_.push_back(id);
}

void observed_actor::forget_monitor(std::uint64_t id) {
  if (monitoring_ > 0) --monitoring_;
  std::erase(monitors_, id);
}

cluster::actor_row observed_actor::own_row() const {
  cluster::actor_row row;
  row.id = id();
  row.kind = name();
  row.label = label();
  row.state = state_line();
  const auto enqueued = enqueued_.load(std::memory_order_relaxed);
  row.depth = static_cast<std::uint32_t>(enqueued > consumed_ ? enqueued - consumed_ : 0);
  if (row.depth > 0 && stamped_.load(std::memory_order_relaxed) != 0)
    row.age = now() - instant{duration{stamp_us_.load(std::memory_order_relaxed)}};
  row.messages = observed_.count();
  row.busy = observed_.processed();
  row.waited_max = observed_.waited_max();
  row.processed_max = observed_.processed_max();
  row.alive = now() - started_;
  return row;
}

cluster::actor_detail observed_actor::own_detail() const {
  cluster::actor_detail detail;
  detail.row = own_row();
  for (const auto& k : observed_.kinds()) {
    const auto& waited = k.waited_for.counts();
    const auto& took = k.took.counts();
    detail.kinds.push_back({kind_text(k.kind),
                            k.count,
                            k.processed,
                            k.waited_max,
                            k.processed_max,
                            {waited.begin(), waited.end()},
                            {took.begin(), took.end()}});
  }
  const auto messages = observed_.messages();
  auto number = observed_.count() - messages.size();
  for (const auto& m : messages)
    detail.messages.push_back({++number, now() - m.at, kind_text(m.kind),
                               m.from == 0 ? std::string{} : "#" + std::to_string(m.from),
                               m.waited_us, m.processed_us});
  detail.monitors = monitors_;
  detail.monitoring = monitoring_;
  return detail;
}

void observed_actor::answer(const describe_yourself& question) {
  self_description mine{question.question, question.answer_as, {}};
  try {
    if (question.query->what == cluster::inspect_what::actors)
      mine.part.actors.push_back(own_row());
    else if (question.query->what == cluster::inspect_what::actor && question.query->actor == id())
      mine.part.details.push_back(own_detail());
    if (!describe(question, mine.part)) return;
  } catch (const std::exception& e) { // who is only looked at does not end by it
    spdlog::error("{} {}: could not describe itself: {}", name(), label(), e.what());
    mine.part = {};
  }
  give(std::move(mine));
}

void observed_actor::give(self_description mine) const {
  if (const auto to = my_inspector()) caf::anon_send(to, std::move(mine));
}

} // namespace holdfast::actors
