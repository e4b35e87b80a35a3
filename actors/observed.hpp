// What every actor of ours is: an actor that can be looked at. It notes for itself what it handles
// (protocol/cluster/observation.hpp), says so when the inspector of its node asks, and leaves an
// obituary when it ends by error. The clock is the actor system's own, so a simulated actor is
// observed in simulated time. Sessions note nothing themselves: their shard does
// (shard_inspection).
//
//   enqueue  (any thread)   counts, and stamps one message at a time: age of the mailbox, waiting
//   consume  (the actor)    type, sender and duration of what is handled
#pragma once

#include "actors/messages.hpp"
#include "protocol/cluster/inspection.hpp"
#include "protocol/cluster/observation.hpp"
#include "protocol/core/time.hpp"

#include <caf/event_based_actor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::actors {

// Whether actors note anything at all ([console] observe). Set before the first one starts.
void set_observing(bool on);
[[nodiscard]] bool observing();

// What noting one message takes on this machine: measured by noting some thousand, in a millisecond.
[[nodiscard]] std::chrono::nanoseconds cost_of_noting(caf::actor_system& system);

// The clock of the actor system, which simulation controls.
[[nodiscard]] instant now_of(caf::actor_system& system);

// To the inspector of the node.
struct actor_started {
  caf::actor_addr who;
  std::uint64_t id = 0;
  std::string kind;
};
struct actor_ended {
  std::uint64_t id = 0;
};
struct actor_died { // by error
  cluster::obituary obituary;
};

// From the inspector to an actor, and back.
struct describe_yourself {
  std::uint64_t question = 0;
  std::uint64_t answer_as = 0; // whose answer it is: the actor that was asked first
  std::shared_ptr<const cluster::inspect_query> query;
};
struct self_description {
  std::uint64_t question = 0;
  std::uint64_t id = 0;
  cluster::picture part;
};

class observed_actor : public caf::event_based_actor {
public:
  void initialize() override;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* by) override;
  caf::invoke_message_result consume(caf::mailbox_element& what) override;
  bool cleanup(caf::error&& reason, caf::execution_unit* host) override;

protected:
  using size = cluster::observation::size;
  explicit observed_actor(caf::actor_config& config, size s = size::full);

  [[nodiscard]] instant now() const { return now_of(home_system()); }
  [[nodiscard]] const cluster::observation& observed() const { return observed_; }

  // Two or three words that tell this one from its like ("to proxy-1"), and its state in a line.
  [[nodiscard]] virtual std::string label() const { return {}; }
  [[nodiscard]] virtual std::string state_line() const { return {}; }
  // What else it has to say; `into` holds its own row already where that was asked for. False: it
  // says so later, with give().
  virtual bool describe(const describe_yourself& question, cluster::picture& into);
  void give(self_description mine) const;

  // CAF's own, noted for operators.
  template <class Handle>
  void monitor(const Handle& whom) {
    note_monitor(whom.id());
    caf::event_based_actor::monitor(whom);
  }
  template <class Handle>
  void demonitor(const Handle& whom) {
    forget_monitor(whom.id());
    caf::event_based_actor::demonitor(whom);
  }

  void introduce(); // to the inspector; by itself when it starts
  [[nodiscard]] cluster::actor_row own_row() const;
  [[nodiscard]] cluster::actor_detail own_detail() const;

  [[nodiscard]] caf::actor my_inspector() const;

private:
  static constexpr std::size_t monitors_told_max = 64;

  [[nodiscard]] std::optional<duration> take_stamp(instant at);
  void answer(const describe_yourself& question);
  void note_monitor(std::uint64_t id);
  void forget_monitor(std::uint64_t id);

  cluster::observation observed_;
  std::vector<std::uint64_t> monitors_; // whose end it hears of; of many, some
  std::uint32_t monitoring_ = 0;        // how many they are
  instant started_{};
  // Messages put into the mailbox, and which of them carries the stamp; 0: none under way.
  std::atomic<std::uint64_t> enqueued_{0};
  std::atomic<std::uint64_t> stamped_{0};
  std::atomic<std::int64_t> stamp_us_{0};
  std::uint64_t consumed_ = 0;
};

// Ended for a reason that operators should hear of.
[[nodiscard]] bool is_failure(const caf::error& reason);

// "session_input", for a message type as the observation knows it.
[[nodiscard]] std::string kind_text(std::uint64_t kind);

} // namespace holdfast::actors

HOLDFAST_LOCAL_MESSAGE(actor_started)
HOLDFAST_LOCAL_MESSAGE(actor_ended)
HOLDFAST_LOCAL_MESSAGE(actor_died)
HOLDFAST_LOCAL_MESSAGE(describe_yourself)
HOLDFAST_LOCAL_MESSAGE(self_description)
