// Where a new session goes: the rule by which a directory chooses among the containers that could
// take it (design, "Shards, sessions, routing", "Policies"). Values only; what containers report
// goes in, the index of one of them comes out.
//
//   container --load, every 30 ms--> directory     directory: report() ... choose() -> container
//
// A report is some milliseconds old when it is used, and many new sessions may be placed between
// two of them. What was placed since is therefore counted on top, for one report longer than
// strictly needed: a directory that forgot its own choices would send all of them to one container.
//
// The costs follow Jiang, Iyengar, Nahum, Segmuller, Tantawi, Wright, "Load balancing for SIP
// server clusters" (INFOCOM 2009): an INVITE costs a server 1.75 times what a BYE does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cluster {

enum class balance_policy : std::uint8_t {
  least_work_left = 1,    // TLWL: open transactions, weighted by what they cost
  round_robin = 2,        // by weight, evenly interleaved
  fewest_sessions = 3,    // CJSQ: calls, join the shortest queue
  fewest_transactions = 4 // TJSQ: transactions, join the shortest queue
};

inline constexpr std::array<std::string_view, 4> balance_policy_names{
    "least_work_left", "round_robin", "fewest_sessions", "fewest_transactions"};

[[nodiscard]] std::string_view to_string(balance_policy p);
[[nodiscard]] std::optional<balance_policy> balance_policy_named(std::string_view name);

// Work of one open transaction: 7 to 4 is 1.75.
inline constexpr std::uint32_t invite_work = 7;
inline constexpr std::uint32_t other_work = 4;

// What a container says of itself.
struct load_figures {
  std::uint32_t sessions = 0;
  std::uint32_t transactions = 0; // open
  std::uint32_t work = 0;         // the same, each by its cost

  friend bool operator==(const load_figures&, const load_figures&) = default;
};

class balancer {
public:
  // A container that could take a session, and how much of all sessions it should get.
  struct host {
    std::string name;
    std::uint32_t weight = 1;
  };

  explicit balancer(balance_policy policy) : policy_{policy} {}

  void report(const std::string& node, const load_figures& figures);
  // Its link does not keep up: chosen only when all are slow.
  void slow(const std::string& node, bool is_slow);
  // It takes nothing new: likewise.
  void full(const std::string& node, bool is_full);

  // The index of the host that takes the next session; it is counted at once. `random` decides
  // between equals that also have equally many sessions. nullopt: nobody was offered.
  [[nodiscard]] std::optional<std::size_t> choose(const std::vector<host>& hosts,
                                                  std::uint64_t random);

private:
  struct entry {
    load_figures told;
    std::uint32_t placed = 0;        // by us since it last told
    std::uint32_t placed_before = 0; // in the interval before: may not be in the figures yet
    std::int64_t turn = 0;           // of round robin
    bool slow = false;
    bool full = false;
  };

  [[nodiscard]] static double load_of(const entry& e, balance_policy policy, std::uint32_t weight);
  [[nodiscard]] std::size_t next_turn(const std::vector<host>& hosts,
                                      const std::vector<std::size_t>& among);
  [[nodiscard]] std::size_t least_loaded(const std::vector<host>& hosts,
                                         const std::vector<std::size_t>& among,
                                         std::uint64_t random);

  balance_policy policy_;
  std::map<std::string, entry> entries_;
};

} // namespace holdfast::cluster
