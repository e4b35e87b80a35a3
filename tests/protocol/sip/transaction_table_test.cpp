// The four state machines of RFC 3261 section 17 (figures 5 to 8, with RFC 6026 and RFC 4320) as
// tables: every state meets every event, and what is ignored has its row too. A table that forgets
// a pair fails.
//
//   "state  event  effects  next"       effects: as words() has them, "-" for none
#include "protocol/core/codec.hpp"
#include "protocol/sip/invite_client_transaction.hpp"
#include "protocol/sip/invite_server_transaction.hpp"
#include "protocol/sip/non_invite_client_transaction.hpp"
#include "protocol/sip/non_invite_server_transaction.hpp"
#include "tests/protocol/sip/sip_test.hpp"

#include <map>
#include <set>

using namespace holdfast;
using namespace holdfast::sip;
using namespace holdfast::sip::test;

namespace {

constexpr instant now{};

struct table_row {
  std::string state, event, effects, next;
};

template <class Machine>
struct machine_traits;

template <>
struct machine_traits<invite_client_transaction> {
  static constexpr std::string_view method = "INVITE";
  static constexpr bool server = false;
  static inline const std::vector<std::string> states = {"calling", "proceeding", "completed",
                                                         "accepted", "terminated"};
};
template <>
struct machine_traits<non_invite_client_transaction> {
  static constexpr std::string_view method = "OPTIONS";
  static constexpr bool server = false;
  static inline const std::vector<std::string> states = {"trying", "proceeding", "completed",
                                                         "terminated"};
};
template <>
struct machine_traits<invite_server_transaction> {
  static constexpr std::string_view method = "INVITE";
  static constexpr bool server = true;
  static inline const std::vector<std::string> states = {"proceeding", "completed", "confirmed",
                                                         "accepted", "terminated"};
};
template <>
struct machine_traits<non_invite_server_transaction> {
  static constexpr std::string_view method = "OPTIONS";
  static constexpr bool server = true;
  static inline const std::vector<std::string> states = {"trying", "proceeding", "completed",
                                                         "terminated"};
};

// "start", "timer A", "transport fails", "100", "200", "copy", "ACK", "a request" (where a response
// is expected).
template <class Machine>
transaction_effects happen(Machine& m, const std::string& event) {
  using traits = machine_traits<Machine>;
  if (event == "start") return m.on(start{}, now);
  if (event == "transport fails") return m.on(transport_failed{}, now);
  if (event.starts_with("timer "))
    return m.on(timer_fired{static_cast<timer_name>(event[6] - 'A')}, now);
  if (event == "copy" || event == "a request")
    return m.on(from_network{request(traits::method)}, now);
  if (event == "ACK") return m.on(from_network{request("ACK")}, now);
  auto response = make_response(request(traits::method), std::stoi(event), "", "a6c85cf");
  if constexpr (traits::server)
    return m.on(from_user{std::move(response)}, now);
  else
    return m.on(from_network{std::move(response)}, now);
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& each : list) out += (out.empty() ? "" : ", ") + each;
  return out.empty() ? "-" : out;
}

// Every state x every event, once; the machine, and a decoded copy of it, does what its row says.
template <class Machine>
void check_table(bool reliable, const std::map<std::string, row>& ways, const row& events,
                 const std::vector<table_row>& rows) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& r : rows) {
    CAPTURE(r.state);
    CAPTURE(r.event);
    CHECK_MESSAGE(seen.emplace(r.state, r.event).second, "two rows for one pair");
    Machine m{request(machine_traits<Machine>::method), reliable};
    for (const auto& step : ways.at(r.state)) (void)happen(m, step);
    const auto& states = machine_traits<Machine>::states;
    REQUIRE(states[static_cast<std::size_t>(m.state())] == r.state);
    auto restored = decode<Machine>(encode(m)).value();
    const auto effects = happen(m, r.event);
    CHECK(joined(words(effects)) == r.effects);
    CHECK(states[static_cast<std::size_t>(m.state())] == r.next);
    CHECK(happen(restored, r.event) == effects);
    CHECK(restored == m);
  }
  for (const auto& [state, way] : ways)
    for (const auto& event : events) {
      CAPTURE(state);
      CAPTURE(event);
      CHECK_MESSAGE(seen.contains({state, event}), "no row");
    }
}

} // namespace

TEST_CASE("table: INVITE client over UDP [RFC 3261 figure 5, RFC 6026 7.2]") {
  check_table<invite_client_transaction>(
      false,
      {{"calling", {"start"}},
       {"proceeding", {"start", "180"}},
       {"completed", {"start", "486"}},
       {"accepted", {"start", "200"}},
       {"terminated", {"start", "timer B"}}},
      {"start", "timer A", "timer B", "timer D", "timer M", "100", "200", "486", "transport fails",
       "a request"},
      {{"calling", "start", "-", "calling"},
       {"calling", "timer A", "send INVITE, start A 1000", "calling"},
       {"calling", "timer B", "timed out, end", "terminated"},
       {"calling", "timer D", "-", "calling"},
       {"calling", "timer M", "-", "calling"},
       {"calling", "100", "stop A, stop B, up 100", "proceeding"},
       {"calling", "200", "stop A, stop B, up 200, start M 32000", "accepted"},
       {"calling", "486", "stop A, stop B, send ACK, up 486, start D 32000", "completed"},
       {"calling", "transport fails", "error, end", "terminated"},
       {"calling", "a request", "-", "calling"},
       {"proceeding", "start", "-", "proceeding"},
       {"proceeding", "timer A", "-", "proceeding"},
       {"proceeding", "timer B", "-", "proceeding"},
       {"proceeding", "timer D", "-", "proceeding"},
       {"proceeding", "timer M", "-", "proceeding"},
       {"proceeding", "100", "up 100", "proceeding"},
       {"proceeding", "200", "up 200, start M 32000", "accepted"},
       {"proceeding", "486", "send ACK, up 486, start D 32000", "completed"},
       {"proceeding", "transport fails", "-", "proceeding"},
       {"proceeding", "a request", "-", "proceeding"},
       {"completed", "start", "-", "completed"},
       {"completed", "timer A", "-", "completed"},
       {"completed", "timer B", "-", "completed"},
       {"completed", "timer D", "end", "terminated"},
       {"completed", "timer M", "-", "completed"},
       {"completed", "100", "-", "completed"},
       {"completed", "200", "-", "completed"},
       {"completed", "486", "send ACK", "completed"},
       {"completed", "transport fails", "error, end", "terminated"},
       {"completed", "a request", "-", "completed"},
       {"accepted", "start", "-", "accepted"},
       {"accepted", "timer A", "-", "accepted"},
       {"accepted", "timer B", "-", "accepted"},
       {"accepted", "timer D", "-", "accepted"},
       {"accepted", "timer M", "end", "terminated"},
       {"accepted", "100", "-", "accepted"},
       {"accepted", "200", "up 200", "accepted"},
       {"accepted", "486", "-", "accepted"},
       {"accepted", "transport fails", "-", "accepted"},
       {"accepted", "a request", "-", "accepted"},
       {"terminated", "start", "-", "terminated"},
       {"terminated", "timer A", "-", "terminated"},
       {"terminated", "timer B", "-", "terminated"},
       {"terminated", "timer D", "-", "terminated"},
       {"terminated", "timer M", "-", "terminated"},
       {"terminated", "100", "-", "terminated"},
       {"terminated", "200", "-", "terminated"},
       {"terminated", "486", "-", "terminated"},
       {"terminated", "transport fails", "-", "terminated"},
       {"terminated", "a request", "-", "terminated"}});
}

TEST_CASE("table: INVITE client over a stream: no timer A, timer D is zero [RFC 3261 figure 5]") {
  check_table<invite_client_transaction>(
      true,
      {{"calling", {"start"}}, {"proceeding", {"start", "180"}}, {"accepted", {"start", "200"}}},
      {"timer A", "timer B", "100", "200", "486", "transport fails"},
      {{"calling", "timer A", "-", "calling"},
       {"calling", "timer B", "timed out, end", "terminated"},
       {"calling", "100", "stop B, up 100", "proceeding"},
       {"calling", "200", "stop B, up 200, start M 32000", "accepted"},
       {"calling", "486", "stop B, send ACK, up 486, end", "terminated"},
       {"calling", "transport fails", "error, end", "terminated"},
       {"proceeding", "timer A", "-", "proceeding"},
       {"proceeding", "timer B", "-", "proceeding"},
       {"proceeding", "100", "up 100", "proceeding"},
       {"proceeding", "200", "up 200, start M 32000", "accepted"},
       {"proceeding", "486", "send ACK, up 486, end", "terminated"},
       {"proceeding", "transport fails", "-", "proceeding"},
       {"accepted", "timer A", "-", "accepted"},
       {"accepted", "timer B", "-", "accepted"},
       {"accepted", "100", "-", "accepted"},
       {"accepted", "200", "up 200", "accepted"},
       {"accepted", "486", "-", "accepted"},
       {"accepted", "transport fails", "-", "accepted"}});
}

TEST_CASE("table: non-INVITE client over UDP [RFC 3261 figure 6]") {
  check_table<non_invite_client_transaction>(
      false,
      {{"trying", {"start"}},
       {"proceeding", {"start", "100"}},
       {"completed", {"start", "200"}},
       {"terminated", {"start", "timer F"}}},
      {"start", "timer E", "timer F", "timer K", "100", "200", "486", "transport fails",
       "a request"},
      {{"trying", "start", "-", "trying"},
       {"trying", "timer E", "send OPTIONS, start E 1000", "trying"},
       {"trying", "timer F", "timed out, end", "terminated"},
       {"trying", "timer K", "-", "trying"},
       {"trying", "100", "up 100", "proceeding"},
       {"trying", "200", "stop E, stop F, up 200, start K 5000", "completed"},
       {"trying", "486", "stop E, stop F, up 486, start K 5000", "completed"},
       {"trying", "transport fails", "error, end", "terminated"},
       {"trying", "a request", "-", "trying"},
       {"proceeding", "start", "-", "proceeding"},
       {"proceeding", "timer E", "send OPTIONS, start E 4000", "proceeding"},
       {"proceeding", "timer F", "timed out, end", "terminated"},
       {"proceeding", "timer K", "-", "proceeding"},
       {"proceeding", "100", "up 100", "proceeding"},
       {"proceeding", "200", "stop E, stop F, up 200, start K 5000", "completed"},
       {"proceeding", "486", "stop E, stop F, up 486, start K 5000", "completed"},
       {"proceeding", "transport fails", "error, end", "terminated"},
       {"proceeding", "a request", "-", "proceeding"},
       {"completed", "start", "-", "completed"},
       {"completed", "timer E", "-", "completed"},
       {"completed", "timer F", "-", "completed"},
       {"completed", "timer K", "end", "terminated"},
       {"completed", "100", "-", "completed"},
       {"completed", "200", "-", "completed"},
       {"completed", "486", "-", "completed"},
       {"completed", "transport fails", "-", "completed"},
       {"completed", "a request", "-", "completed"},
       {"terminated", "start", "-", "terminated"},
       {"terminated", "timer E", "-", "terminated"},
       {"terminated", "timer F", "-", "terminated"},
       {"terminated", "timer K", "-", "terminated"},
       {"terminated", "100", "-", "terminated"},
       {"terminated", "200", "-", "terminated"},
       {"terminated", "486", "-", "terminated"},
       {"terminated", "transport fails", "-", "terminated"},
       {"terminated", "a request", "-", "terminated"}});
}

TEST_CASE(
    "table: non-INVITE client over a stream: no timer E, timer K is zero [RFC 3261 figure 6]") {
  check_table<non_invite_client_transaction>(
      true, {{"trying", {"start"}}, {"proceeding", {"start", "100"}}},
      {"timer E", "timer F", "100", "200", "486", "transport fails"},
      {{"trying", "timer E", "-", "trying"},
       {"trying", "timer F", "timed out, end", "terminated"},
       {"trying", "100", "up 100", "proceeding"},
       {"trying", "200", "stop F, up 200, end", "terminated"},
       {"trying", "486", "stop F, up 486, end", "terminated"},
       {"trying", "transport fails", "error, end", "terminated"},
       {"proceeding", "timer E", "-", "proceeding"},
       {"proceeding", "timer F", "timed out, end", "terminated"},
       {"proceeding", "100", "up 100", "proceeding"},
       {"proceeding", "200", "stop F, up 200, end", "terminated"},
       {"proceeding", "486", "stop F, up 486, end", "terminated"},
       {"proceeding", "transport fails", "error, end", "terminated"}});
}

TEST_CASE("table: INVITE server over UDP [RFC 3261 figure 7, RFC 6026 7.1]") {
  check_table<invite_server_transaction>(
      false,
      {{"proceeding", {"start", "180"}},
       {"completed", {"start", "486"}},
       {"confirmed", {"start", "486", "ACK"}},
       {"accepted", {"start", "200"}},
       {"terminated", {"start", "486", "timer H"}}},
      {"start", "copy", "ACK", "100", "200", "486", "timer G", "timer H", "timer I", "timer L",
       "transport fails"},
      {{"proceeding", "start", "-", "proceeding"},
       {"proceeding", "copy", "send 180", "proceeding"},
       {"proceeding", "ACK", "-", "proceeding"},
       {"proceeding", "100", "send 100", "proceeding"},
       {"proceeding", "200", "send 200, start L 32000", "accepted"},
       {"proceeding", "486", "send 486, start G 500, start H 32000", "completed"},
       {"proceeding", "timer G", "-", "proceeding"},
       {"proceeding", "timer H", "-", "proceeding"},
       {"proceeding", "timer I", "-", "proceeding"},
       {"proceeding", "timer L", "-", "proceeding"},
       {"proceeding", "transport fails", "error", "proceeding"},
       {"completed", "start", "-", "completed"},
       {"completed", "copy", "send 486", "completed"},
       {"completed", "ACK", "stop G, stop H, start I 5000", "confirmed"},
       {"completed", "100", "-", "completed"},
       {"completed", "200", "-", "completed"},
       {"completed", "486", "-", "completed"},
       {"completed", "timer G", "send 486, start G 1000", "completed"},
       {"completed", "timer H", "timed out, end", "terminated"},
       {"completed", "timer I", "-", "completed"},
       {"completed", "timer L", "-", "completed"},
       {"completed", "transport fails", "error", "completed"},
       {"confirmed", "start", "-", "confirmed"},
       {"confirmed", "copy", "-", "confirmed"},
       {"confirmed", "ACK", "-", "confirmed"},
       {"confirmed", "100", "-", "confirmed"},
       {"confirmed", "200", "-", "confirmed"},
       {"confirmed", "486", "-", "confirmed"},
       {"confirmed", "timer G", "-", "confirmed"},
       {"confirmed", "timer H", "-", "confirmed"},
       {"confirmed", "timer I", "end", "terminated"},
       {"confirmed", "timer L", "-", "confirmed"},
       {"confirmed", "transport fails", "-", "confirmed"},
       {"accepted", "start", "-", "accepted"},
       {"accepted", "copy", "-", "accepted"},
       {"accepted", "ACK", "up ACK", "accepted"},
       {"accepted", "100", "-", "accepted"},
       {"accepted", "200", "send 200", "accepted"},
       {"accepted", "486", "-", "accepted"},
       {"accepted", "timer G", "-", "accepted"},
       {"accepted", "timer H", "-", "accepted"},
       {"accepted", "timer I", "-", "accepted"},
       {"accepted", "timer L", "end", "terminated"},
       {"accepted", "transport fails", "error", "accepted"},
       {"terminated", "start", "-", "terminated"},
       {"terminated", "copy", "-", "terminated"},
       {"terminated", "ACK", "-", "terminated"},
       {"terminated", "100", "-", "terminated"},
       {"terminated", "200", "-", "terminated"},
       {"terminated", "486", "-", "terminated"},
       {"terminated", "timer G", "-", "terminated"},
       {"terminated", "timer H", "-", "terminated"},
       {"terminated", "timer I", "-", "terminated"},
       {"terminated", "timer L", "-", "terminated"},
       {"terminated", "transport fails", "-", "terminated"}});
}

TEST_CASE("table: INVITE server over a stream: no timer G, timer I is zero [RFC 3261 figure 7]") {
  check_table<invite_server_transaction>(
      true,
      {{"proceeding", {"start", "180"}},
       {"completed", {"start", "486"}},
       {"accepted", {"start", "200"}}},
      {"copy", "ACK", "200", "486", "timer G", "timer H"},
      {{"proceeding", "copy", "send 180", "proceeding"},
       {"proceeding", "ACK", "-", "proceeding"},
       {"proceeding", "200", "send 200, start L 32000", "accepted"},
       {"proceeding", "486", "send 486, start H 32000", "completed"},
       {"proceeding", "timer G", "-", "proceeding"},
       {"proceeding", "timer H", "-", "proceeding"},
       {"completed", "copy", "send 486", "completed"},
       {"completed", "ACK", "stop H, end", "terminated"},
       {"completed", "200", "-", "completed"},
       {"completed", "486", "-", "completed"},
       {"completed", "timer G", "-", "completed"},
       {"completed", "timer H", "timed out, end", "terminated"},
       {"accepted", "copy", "-", "accepted"},
       {"accepted", "ACK", "up ACK", "accepted"},
       {"accepted", "200", "send 200", "accepted"},
       {"accepted", "486", "-", "accepted"},
       {"accepted", "timer G", "-", "accepted"},
       {"accepted", "timer H", "-", "accepted"}});
}

TEST_CASE("table: non-INVITE server over UDP [RFC 3261 figure 8, RFC 4320 4]") {
  // RFC 4320 4.1: no 1xx but 100, and that not before the client's timer E is at T2, which its
  // fourth copy tells. 4.2: no 408.
  check_table<non_invite_server_transaction>(
      false,
      {{"trying", {"start"}},
       {"proceeding", {"start", "copy", "copy", "copy", "100"}},
       {"completed", {"start", "200"}},
       {"terminated", {"start", "200", "timer J"}}},
      {"start", "copy", "100", "180", "200", "408", "486", "timer J", "transport fails"},
      {{"trying", "start", "up OPTIONS", "trying"},
       {"trying", "copy", "-", "trying"},
       {"trying", "100", "-", "trying"},
       {"trying", "180", "-", "trying"},
       {"trying", "200", "send 200, start J 32000", "completed"},
       {"trying", "408", "end", "terminated"},
       {"trying", "486", "send 486, start J 32000", "completed"},
       {"trying", "timer J", "-", "trying"},
       {"trying", "transport fails", "-", "trying"},
       {"proceeding", "start", "-", "proceeding"},
       {"proceeding", "copy", "send 100", "proceeding"},
       {"proceeding", "100", "send 100", "proceeding"},
       {"proceeding", "180", "-", "proceeding"},
       {"proceeding", "200", "send 200, start J 32000", "completed"},
       {"proceeding", "408", "end", "terminated"},
       {"proceeding", "486", "send 486, start J 32000", "completed"},
       {"proceeding", "timer J", "-", "proceeding"},
       {"proceeding", "transport fails", "error, end", "terminated"},
       {"completed", "start", "-", "completed"},
       {"completed", "copy", "send 200", "completed"},
       {"completed", "100", "-", "completed"},
       {"completed", "180", "-", "completed"},
       {"completed", "200", "-", "completed"},
       {"completed", "408", "-", "completed"},
       {"completed", "486", "-", "completed"},
       {"completed", "timer J", "end", "terminated"},
       {"completed", "transport fails", "error, end", "terminated"},
       {"terminated", "start", "-", "terminated"},
       {"terminated", "copy", "-", "terminated"},
       {"terminated", "100", "-", "terminated"},
       {"terminated", "180", "-", "terminated"},
       {"terminated", "200", "-", "terminated"},
       {"terminated", "408", "-", "terminated"},
       {"terminated", "486", "-", "terminated"},
       {"terminated", "timer J", "-", "terminated"},
       {"terminated", "transport fails", "-", "terminated"}});
}

TEST_CASE("table: non-INVITE server over a stream: timer J is zero [RFC 3261 figure 8]") {
  check_table<non_invite_server_transaction>(
      true, {{"trying", {"start"}}, {"proceeding", {"start", "100"}}},
      {"copy", "100", "200", "408", "486", "timer J", "transport fails"},
      {{"trying", "copy", "-", "trying"},
       {"trying", "100", "send 100", "proceeding"},
       {"trying", "200", "send 200, end", "terminated"},
       {"trying", "408", "end", "terminated"},
       {"trying", "486", "send 486, end", "terminated"},
       {"trying", "timer J", "-", "trying"},
       {"trying", "transport fails", "-", "trying"},
       {"proceeding", "copy", "send 100", "proceeding"},
       {"proceeding", "100", "send 100", "proceeding"},
       {"proceeding", "200", "send 200, end", "terminated"},
       {"proceeding", "408", "end", "terminated"},
       {"proceeding", "486", "send 486, end", "terminated"},
       {"proceeding", "timer J", "-", "proceeding"},
       {"proceeding", "transport fails", "error, end", "terminated"}});
}
