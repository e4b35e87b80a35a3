// Every timer of a session: what is to happen -> when. One table, so that the shell needs one
// deadline only, and a snapshot is one list of remaining times.
#pragma once

#include "protocol/core/codec.hpp"
#include "protocol/core/time.hpp"
#include "protocol/sip/transaction.hpp"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::session {

enum class timer_kind : std::uint8_t {
  server = 1,       // timer of a server transaction; id is the transaction
  client = 2,       // of a client transaction
  success = 3,      // of the repetition of our 2xx; id is the INVITE's server transaction
  ack = 4,          // of the ACK we repeat; id is the INVITE's client transaction, part the ACK
  cancelled = 5,    // RFC 3261 9.1: 64*T1 after a CANCEL its INVITE counts as ended
  question = 6,     // an ask{} whose answer the shell still owes us; id is that of the ask
  application = 7,  // by name
  expiry = 8,       // by name; somebody may renew it, so it gets a grace after a failover
  tombstone = 9,    // 64*T1 after the last final response
  reliable = 10,    // of a reliable provisional; id is the INVITE's server transaction
  refresh = 11,     // RFC 4028: we refresh the session; id is the dialog
  unrefreshed = 12, // RFC 4028: nobody has; id is the dialog
  lost = 13,        // T1 after a takeover: is a request over a stream still unanswered?
};

struct timer_key {
  timer_kind kind{};
  std::uint64_t id = 0;
  std::uint32_t part = 0;
  sip::timer_name timer{};
  std::string name;

  friend auto operator<=>(const timer_key&, const timer_key&) = default;
};

template <class F>
void describe(F& f, timer_key& x) {
  f(1, x.kind);
  f(2, x.id);
  f(3, x.part);
  f(4, x.timer);
  f(5, x.name);
}

struct remaining_time {
  timer_key key;
  duration left{};
};

template <class F>
void describe(F& f, remaining_time& x) {
  f(1, x.key);
  f(2, x.left);
}

class deadlines {
public:
  // How long a binding may be overdue at most because nobody owned its session (design, "Failure",
  // 4).
  static constexpr duration grace = 2s;

  void set(const timer_key& key, instant when) { table_.insert_or_assign(key, when); }
  void clear(const timer_key& key) { table_.erase(key); }

  // All timers of one owner.
  void clear_all(timer_kind kind, std::uint64_t id) {
    std::erase_if(table_, [&](const auto& e) { return e.first.kind == kind && e.first.id == id; });
  }
  void clear_all(timer_kind kind) {
    std::erase_if(table_, [&](const auto& e) { return e.first.kind == kind; });
  }

  [[nodiscard]] std::optional<instant> at(const timer_key& key) const {
    const auto found = table_.find(key);
    return found == table_.end() ? std::nullopt : std::optional{found->second};
  }

  [[nodiscard]] bool any(timer_kind kind) const {
    return std::any_of(table_.begin(), table_.end(),
                       [&](const auto& e) { return e.first.kind == kind; });
  }

  [[nodiscard]] std::optional<instant> next() const {
    const auto least = std::min_element(table_.begin(), table_.end(),
                                        [](auto& a, auto& b) { return a.second < b.second; });
    return least == table_.end() ? std::nullopt : std::optional{least->second};
  }

  // The earliest of those that do something even when nothing is in progress; the others absorb
  // repetitions, or belong to what is in progress.
  [[nodiscard]] std::optional<instant> next_of_its_own() const {
    std::optional<instant> least;
    for (const auto& [key, when] : table_) {
      const bool own = key.kind == timer_kind::application || key.kind == timer_kind::expiry
                       || key.kind == timer_kind::refresh || key.kind == timer_kind::unrefreshed;
      if (own) least = std::min(least.value_or(when), when);
    }
    return least;
  }

  // Removes and returns the earliest timer that is due; each fires once.
  [[nodiscard]] std::optional<timer_key> take_due(instant now) {
    const auto least = std::min_element(table_.begin(), table_.end(),
                                        [](auto& a, auto& b) { return a.second < b.second; });
    if (least == table_.end() || least->second > now) return std::nullopt;
    return table_.extract(least).key();
  }

  [[nodiscard]] std::vector<remaining_time> remaining(instant now) const {
    std::vector<remaining_time> list;
    for (const auto& [key, when] : table_) list.push_back({key, when - now});
    return list;
  }

  // Re-bases what a snapshot says on this node's clock; what is overdue fires at once, an expiry
  // after the grace.
  static deadlines restore(const std::vector<remaining_time>& list, duration age, instant now) {
    deadlines restored;
    for (const auto& [key, left] : list) {
      const bool overdue = left <= age;
      const bool renewable = key.kind == timer_kind::expiry || key.kind == timer_kind::unrefreshed;
      const auto late = renewable ? grace : duration{0};
      restored.set(key, now + (overdue ? late : left - age));
    }
    return restored;
  }

private:
  std::map<timer_key, instant> table_;
};

} // namespace holdfast::session
