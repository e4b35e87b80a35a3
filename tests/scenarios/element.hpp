// What a container does for its sessions, as far as the wire shows it, without actors: finds the
// session of a message, creates one for an initial request, carries questions between sessions,
// fires deadlines. A commit counts as held at once.
#pragma once

#include "protocol/core/flow.hpp"
#include "protocol/session/environment.hpp"
#include "protocol/session/session.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace scenarios {

using namespace holdfast;
namespace session = holdfast::session;

class element {
public:
  using sender = std::function<void(const flow& to, const std::string& bytes)>;

  element(std::shared_ptr<const session::environment> env, std::uint64_t seed, sender send)
      : env_{std::move(env)}, seed_{seed}, send_{std::move(send)} {}

  void deliver(const flow& from, const std::string& bytes, instant now);
  [[nodiscard]] std::optional<instant> next_deadline() const;
  void fire(instant now); // every deadline that has come
  // Another node takes over: each session is restored from its snapshot.
  void move(instant now);

  // "proxy", "registrar", ... of every session that is left.
  [[nodiscard]] std::vector<std::string> left() const;

private:
  struct question {
    session_address from;
    std::uint64_t id = 0;
  };

  session::session& create(session_address at);
  void run(session_address at, session::event what, instant now); // in turn, after what waits
  void take(session_address at, const session::event& what, instant now);
  void pose(session_address from, const session::ask& question, instant now);

  std::shared_ptr<const session::environment> env_;
  std::uint64_t seed_;
  sender send_;
  std::uint64_t last_session_ = 0;
  std::map<session_address, session::session> sessions_;
  std::map<std::string, session_address> directory_;
  std::map<std::string, question> questions_; // by reply_to
  std::deque<std::pair<session_address, session::event>> waiting_;
  bool running_ = false;
};

} // namespace scenarios
