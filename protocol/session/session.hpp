// An application session as a value: its transactions, dialogs, timers and application state, and
// the one function that moves it. The session actor is a shell around it.
//
//   event (a SIP message, the clock, an answer) --on()--> effects (messages out, commit, ended)
//
// Replication and failover are made of snapshot() and restore(): a restored session continues
// every dialog with the same tags, Call-ID, route set and remote target, CSeq going up, each
// pending timer firing once (design, "Commit before output").
#pragma once

#include "protocol/core/flow.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/core/result.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace holdfast::session {

// ---- events ----------------------------------------------------------------------------------

// A SIP message that a proxy received and routed here.
struct received {
  std::string bytes;
  flow source;       // as the dispatcher saw it; Via already carries received/rport
  std::string proxy; // name of the proxy it came through; answers prefer the same way back
};

// next_deadline() has come.
struct deadline {};

// A proxy could not send the request of this client transaction (RFC 3261 18.4, 17.1.4); or it died
// just after it was given it, and over a stream nothing repeats the request by itself.
struct send_failed {
  std::string branch;
  bool unsaid = false; // nobody tried: it is said again, unless it has been answered
};

// Another session asks this one (for example: where is this address of record bound?).
struct asked {
  std::string bytes;
  std::string reply_to; // opaque; goes back in the answer
};

// The answer to ask{}: bytes, or why there is none.
struct answered {
  std::uint64_t id = 0;
  enum class outcome : std::uint8_t { reply, no_such_session, timed_out } what = outcome::reply;
  std::string bytes;
};

// The session was restored: what it was asking the others has to be asked again.
struct resumed {};

using event = std::variant<received, deadline, send_failed, asked, answered, resumed>;

// ---- effects ---------------------------------------------------------------------------------

// Hand bytes to a proxy for `destination`. Dependent output leaves only after the commit of the
// same step is held by every replica (design, "Commit before output").
struct send {
  flow destination; // host may be a name: the proxy resolves it; port 0 is the default port
  std::string bytes;
  bool dependent = false;
  std::string proxy;  // preferred way out; empty: any
  std::string branch; // of the client transaction that wants to hear of a failure; empty: none
  // It helps nobody later than `perishable_after`: a 100 whose commit was not held in that time is
  // not sent, and the client asks again (design, "Commit before output").
  bool perishable = false;
};
inline constexpr duration perishable_after{150ms};

// Ask the session that is found under `key`; answered{id} follows, within `timeout` at the latest.
struct ask {
  std::uint64_t id = 0;
  std::string key; // as directory_key_of_aor() or key_of_session() makes it
  std::string bytes;
  duration timeout{2s};
};

// The answer to asked{}; leaves after the commit of the same step, if there is one.
struct answer {
  std::string reply_to;
  std::string bytes;
};

// The state has changed in a way that must be held twice. At most one per step.
struct commit {};

// Nothing is left that a retransmission could ask about: forget the session everywhere.
struct ended {};

using effect = std::variant<send, ask, answer, commit, ended>;

// ---- the session -----------------------------------------------------------------------------

struct environment; // what a node's sessions share: rules, token keys, addresses, timer values

// Who talks to whom, as operators look for it.
struct summary {
  std::vector<std::string> call_ids; // of its dialogs, or of what is being set up
  std::string caller;                // URIs as they stand in From and To
  std::string callee;
};

class session {
public:
  // A new session at `address`. `seed` is fresh entropy: branches, Call-IDs and the like come of
  // it.
  session(std::shared_ptr<const environment> env, session_address address, std::uint64_t seed,
          unsigned restarts = 0);

  // From snapshot() of the same or another version. `age` is how long ago the snapshot was
  // submitted: deadlines were written as remaining time and are re-based on `now`. `seed` is fresh,
  // so that nothing unique is ever made twice. `restarts` is how often this session has died of an
  // exception so far; applications can read it, and it is in the next snapshot. Error: malformed
  // bytes, or an application that this node does not have.
  [[nodiscard]] static result<session> restore(std::shared_ptr<const environment> env,
                                               session_address address, std::string_view snapshot,
                                               duration age, instant now, std::uint64_t seed,
                                               unsigned restarts = 0);

  session(const session&);
  session(session&&) noexcept;
  session& operator=(const session&);
  session& operator=(session&&) noexcept;
  ~session();

  // Throws what the application throws; the session is then to be thrown away and restored.
  [[nodiscard]] std::vector<effect> on(const event& what, instant now);

  // Ends the session without calling its application: 500 to what is open, BYE to every confirmed
  // dialog (design, "Failure", 1: quarantine).
  [[nodiscard]] std::vector<effect> quarantine(instant now);

  [[nodiscard]] std::optional<instant> next_deadline() const;

  [[nodiscard]] std::string snapshot(instant now) const;

  // Nothing is in progress: no request waits for an answer, no answer for an ACK, nobody was asked.
  // Such a session is whole in its snapshot. The value is how long until it does something by
  // itself, `idle_max` at most. nullopt: something is in progress.
  static constexpr duration idle_max = std::chrono::hours{24 * 365};
  [[nodiscard]] std::optional<duration> idle(instant now) const;

  // Idle for a while, and nothing is left that only absorbs repetitions: its actor may go.
  static constexpr duration rest_min = 2s;
  [[nodiscard]] bool can_rest(instant now) const;

  // The directory keys under which messages without a token find this session: that of the initial
  // request (Call-ID, From-tag), or the address of record.
  [[nodiscard]] std::vector<std::string> keys() const;

  // For operators and load figures.
  [[nodiscard]] std::string application() const; // "b2bua", "registrar", ...
  [[nodiscard]] bool stable() const; // holds a confirmed dialog, a binding or a subscription
  [[nodiscard]] std::uint32_t open_transactions() const;
  [[nodiscard]] std::uint32_t work() const; // the same, each by its cost (cluster/balance.hpp)
  [[nodiscard]] std::size_t dialogs() const;
  [[nodiscard]] summary about() const;

  // The same out of a snapshot, without making a session of it. nullopt: malformed.
  struct sketch {
    std::string application;
    summary about;
  };
  [[nodiscard]] static std::optional<sketch> sketch_of(std::string_view snapshot);

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace holdfast::session
