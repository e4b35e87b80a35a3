// What happens in a run, as data: the cluster, who calls whom, and which faults befall it when. A
// plan is drawn from a seed (draw.hpp), written and read as prose (prose.hpp), and made smaller
// while it still shows what went wrong (campaign/shrink.hpp). Times count from the moment at which
// the cluster has formed.
//
//   safety phase, 0 .. faults_end     calls are made, faults happen
//   liveness phase                    everything is healed; what was promised must be there again
#pragma once

#include "protocol/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::simulations {

struct cluster_plan {
  std::size_t proxies = 2;
  std::size_t containers = 3;
  std::uint16_t shards = 8;
  std::uint16_t replicas = 1;
  bool supervised = true;
  bool mixed_versions = false; // every other process that starts is of a later version
  std::uint32_t message_rate =
      0;                    // of a container, messages a second; above it new work waits; 0: any
  duration timer_t1{200ms}; // of everybody; a short one makes short runs
};

enum class side : std::uint8_t { caller, callee };

// A request in a call that stands: INFO, or INVITE for a re-INVITE. A hold is one like any other.
struct in_call_request {
  side from = side::caller;
  std::string method = "INFO";
  duration after{};    // the call was acknowledged
  bool throws = false; // it makes the application throw, once

  friend bool operator==(const in_call_request&, const in_call_request&) = default;
};

struct call_plan {
  unsigned number = 0; // also in its X-Call header
  duration at{};
  std::string callee;  // "answer" and "alarm" are applications, others registered users
  duration holds{10s}; // from the ACK to the BYE
  side hangs_up = side::caller;
  duration rings{};                      // registered callees: until they answer
  int rejects = 0;                       // ... or with what they reject
  std::optional<duration> cancels_after; // the caller, if nobody answered by then
  bool acknowledges = true;              // false: the caller never ACKs its 2xx
  bool throws = false;                   // the INVITE makes the application throw, once
  bool reliable = false;                 // both ends ring reliably (RFC 3262)
  std::uint32_t session_s = 0;           // the caller asks for a session timer (RFC 4028); 0: none
  std::optional<duration> silent_after;  // the caller is cut off for good, after the ACK
  std::vector<in_call_request> requests;

  friend bool operator==(const call_plan&, const call_plan&) = default;
};

// "answer" and "alarm" are applications. Others are registered users: those named carol are called
// through the proxy application, the rest through the b2bua.
[[nodiscard]] inline bool has_callee(const call_plan& call) {
  return call.callee != "answer" && call.callee != "alarm";
}
[[nodiscard]] inline bool is_proxied(const call_plan& call) {
  return call.callee.starts_with("carol");
}

struct registration_plan {
  std::string user;
  std::uint32_t expires_s = 600;
  bool watched = false; // somebody has subscribed to it (RFC 3680)

  friend bool operator==(const registration_plan&, const registration_plan&) = default;
};

enum class fault_kind : std::uint8_t {
  crash,   // node; after `lasts` another process of that name starts
  hang,    // node; goes on after `lasts`
  slow,    // node: each message takes `amount` times as long
  cut,     // node | other
  deaf,    // node hears nothing from other, which hears everything
  isolate, // node | everybody
  loss,    // of datagrams of clients, `amount` percent; likewise the next two
  duplication,
  lateness,
  inside_loss, // of heartbeats, and between dispatcher and proxies
  ledger_slow,
  ledger_unreachable,
  ledger_forgetful,
  strangers, // `amount` malformed messages from clients, during `lasts`
  drain,     // container; takes work again after `lasts`
  replace,   // container: drained, and another process of that name after `lasts` if it is empty
  move,      // shard `amount` to that container
  crowd,     // `amount` more calls, during `lasts`
  damage     // what node and other say to each other: `amount` percent of their heartbeats have a
             // wrong byte, and so has their link at once, which ends it
};

struct fault {
  duration at{};
  fault_kind kind{};
  std::string node;
  std::string other;
  duration lasts{};
  unsigned amount = 0;

  friend bool operator==(const fault&, const fault&) = default;
};

[[nodiscard]] std::string_view name_of(fault_kind kind);
inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(fault_kind::damage) + 1;

struct run_plan {
  std::uint64_t seed = 1; // every choice that the plan leaves open: delays, order, tokens
  std::string scenario = "random";
  cluster_plan cluster;
  std::vector<registration_plan> registrations;
  std::vector<call_plan> calls;
  std::vector<fault> faults;
  duration faults_end{8s};
  unsigned buggify = 0;      // of a thousand points, how many act in this run
  duration waits{};          // in the end, before everybody hangs up
  bool last_failover = true; // when all is well again, the busiest container dies once more
  bool to_the_end = false;   // until the cluster has forgotten every call; else until all is said
  std::string planted;       // the defect that is switched on

  [[nodiscard]] std::size_t fault_events() const { return faults.size(); }
};

} // namespace holdfast::simulations
