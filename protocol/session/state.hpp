// All that a session is, as a value. What happens to it is step.hpp.
#pragma once

#include "protocol/applications/application.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/session/authentication.hpp"
#include "protocol/session/deadlines.hpp"
#include "protocol/session/entropy.hpp"
#include "protocol/session/environment.hpp"
#include "protocol/session/records.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::session {

// Owns an application and copies it with its owner; may be empty.
class any_application {
public:
  any_application() = default;
  explicit any_application(std::unique_ptr<applications::application> a) : held_{std::move(a)} {}
  any_application(const any_application& other)
      : held_{other.held_ ? other.held_->clone() : nullptr} {}
  any_application(any_application&&) noexcept = default;
  any_application& operator=(any_application other) noexcept {
    held_ = std::move(other.held_);
    return *this;
  }
  ~any_application() = default;

  explicit operator bool() const { return held_ != nullptr; }
  applications::application* operator->() const { return held_.get(); }

private:
  std::unique_ptr<applications::application> held_;
};

// With a drill around it where the settings ask for one. Error: no application of that name here.
[[nodiscard]] result<any_application> make_application(const environment& env,
                                                       const std::string& name,
                                                       const applications::settings& settings);

// Also an error: the application cannot read its snapshot.
[[nodiscard]] result<any_application> restore_application(const environment& env,
                                                          const std::string& name,
                                                          const applications::settings& settings,
                                                          std::string_view snapshot);

// Asked of another session and not answered yet.
struct open_question {
  std::uint64_t id = 0;
  std::string key;
  std::string bytes;
  duration timeout{};
};

template <class F>
void describe(F& f, open_question& x) {
  f(1, x.id);
  f(2, x.key);
  f(3, x.bytes);
  f(4, x.timeout);
}

// The part of the state that a snapshot is made of. The application and the deadlines are filled
// in when it is made: one as its own snapshot, the others as remaining time.
struct stored_state {
  std::vector<server_record> servers;
  std::vector<client_record> clients;
  std::vector<dialog_record> dialogs;
  std::vector<remaining_time> timers;
  std::string application_name;
  applications::settings settings;
  std::string application;
  std::vector<std::string> keys;
  std::uint64_t last_id = 0; // of transactions, dialogs and questions
  unsigned restarts = 0;     // how often the session died of an exception
  bool quarantined = false;
  applications::durability kept = applications::durability::stable;
  std::vector<open_question> questions;
  unknown_fields unknown; // of a newer version, passed on
};

template <class F>
void describe(F& f, stored_state& x) {
  f(1, x.servers);
  f(2, x.clients);
  f(3, x.dialogs);
  f(4, x.timers);
  f(5, x.application_name);
  f(6, x.settings);
  f(7, x.application);
  f(8, x.keys);
  f(9, x.last_id);
  f(10, x.restarts);
  f(11, x.quarantined);
  f(12, x.kept);
  f(13, x.questions);
  f(x.unknown);
}

struct session_state : stored_state {
  session_state(std::shared_ptr<const environment> e, session_address a, std::uint64_t seed)
      : env{std::move(e)}, address{a}, token{env->tokens.issue(a)}, random{seed} {}

  std::shared_ptr<const environment> env;
  session_address address;
  std::string token;
  entropy random;
  any_application app;
  deadlines due;
  nonce_table nonces; // in no snapshot: see authentication.hpp
};

} // namespace holdfast::session
