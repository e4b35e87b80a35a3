// The shell around session::session: one input in, one step out. It knows nothing of replication
// and sends nothing itself; an exception of the application ends this actor and nothing else.
#pragma once

#include "actors/observed.hpp"
#include "actors/shard_messages.hpp"

#include <optional>
#include <string>

namespace holdfast::actors {

struct session_start {
  std::shared_ptr<const session::environment> environment;
  session_address address;
  std::optional<std::string> snapshot; // absent: a new session
  duration age{};                      // of the snapshot
  std::uint32_t restarts = 0;
  std::uint64_t seed = 0;
  caf::actor shard;
};

class session_actor : public observed_actor {
public:
  session_actor(caf::actor_config& config, session_start start);

  caf::behavior make_behavior() override;
  const char* name() const override { return "session"; }

private:
  void on_exit() override;
  void report(std::vector<session::effect> effects, bool started, instant began);
  void part();
  void take_snapshot(session_step& into) const;

  session_start start_;
  std::optional<session::session> machine_;
  bool after_deadline_ = false;             // the input in hand
  std::optional<std::size_t> dialogs_told_; // when operators were last told who talks to whom
};

} // namespace holdfast::actors
