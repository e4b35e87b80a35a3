#include "protocol/cluster/balance.hpp"
#include "protocol/core/time.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <numeric>
#include <queue>
#include <string>
#include <vector>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

using hosts = std::vector<balancer::host>;
const hosts two{{"a", 1}, {"b", 1}};

std::string chosen(balancer& b, const hosts& among, std::uint64_t random = 0) {
  const auto index = b.choose(among, random);
  REQUIRE(index);
  return among[*index].name;
}

// A farm of containers under one stream of calls, in milliseconds. Each container serves one
// transaction after the other, `weight` times as fast as the smallest; calls are long or short and
// chatty or quiet, both skewed, so that an equal number of calls is no equal amount of work.
class farm {
public:
  farm(balance_policy policy, std::vector<std::uint32_t> weights, std::size_t directories) {
    for (std::size_t i = 0; i < weights.size(); ++i)
      hosts_.push_back({std::string(1, static_cast<char>('a' + i)), weights[i]});
    servers_.resize(hosts_.size());
    for (std::size_t i = 0; i < directories; ++i) directories_.emplace_back(policy);
  }

  void run(int calls, double calls_per_ms) {
    double next_call = 0;
    for (double now = 0; calls > 0 || !due_.empty(); now += 1) {
      if (static_cast<int>(now) % 30 == 0) report();
      for (; calls > 0 && next_call <= now; --calls) {
        place_call(now);
        next_call += -std::log(1 - fraction()) / calls_per_ms;
      }
      for (; !due_.empty() && due_.top().at <= now; due_.pop())
        arrive(due_.top().server, due_.top().work, due_.top().last);
      for (std::size_t i = 0; i < servers_.size(); ++i) serve(i, now);
    }
  }

  // Of the time-out of a client's patience: how long transactions waited, the slowest hundredth.
  [[nodiscard]] double wait_p99() {
    std::sort(waits_.begin(), waits_.end());
    return waits_[waits_.size() * 99 / 100];
  }
  // Work done by the busiest, by weight, over the mean.
  [[nodiscard]] double max_over_mean() const {
    double most = 0;
    double sum = 0;
    double weights = 0;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      most = std::max(most, servers_[i].done / hosts_[i].weight);
      sum += servers_[i].done;
      weights += hosts_[i].weight;
    }
    return most / (sum / weights);
  }

private:
  struct transaction {
    double arrived = 0;
    double left = 0;
    std::uint32_t work = 0;
  };
  struct server {
    std::deque<transaction> queue;
    std::uint32_t sessions = 0;
    std::uint32_t work = 0;
    double done = 0;
  };
  struct later {
    double at = 0;
    std::size_t server = 0;
    std::uint32_t work = 0;
    bool last = false;
    bool operator<(const later& other) const { return at > other.at; }
  };

  double fraction() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state_ >> 11) / 9007199254740992.0;
  }

  void place_call(double now) {
    now_ = now;
    auto& directory =
        directories_[static_cast<std::size_t>(fraction() * 1e6) % directories_.size()];
    const auto where = *directory.choose(hosts_, static_cast<std::uint64_t>(fraction() * 1e9));
    ++servers_[where].sessions;
    arrive(where, invite_work, false);
    // One call in ten is chatty: re-INVITEs all along. One in ten is twenty times as long.
    const double hold = (fraction() < 0.1 ? 4'000 : 200) * (0.5 + fraction());
    if (fraction() < 0.1)
      for (int i = 1; i < 10; ++i) due_.push({now + hold * i / 10, where, invite_work, false});
    due_.push({now + hold, where, other_work, true});
  }

  void arrive(std::size_t where, std::uint32_t work, bool last) {
    servers_[where].queue.push_back({now_, static_cast<double>(work), work});
    servers_[where].work += work;
    if (last) --servers_[where].sessions;
  }

  void serve(std::size_t i, double now) {
    now_ = now;
    auto& s = servers_[i];
    double capacity = hosts_[i].weight; // work a millisecond
    while (!s.queue.empty() && capacity > 0) {
      auto& first = s.queue.front();
      const auto part = std::min(first.left, capacity);
      first.left -= part;
      capacity -= part;
      s.done += part;
      if (first.left > 0) break;
      waits_.push_back(now - first.arrived);
      s.work -= first.work;
      s.queue.pop_front();
    }
  }

  void report() {
    for (std::size_t i = 0; i < servers_.size(); ++i)
      for (auto& d : directories_)
        d.report(hosts_[i].name,
                 {servers_[i].sessions, static_cast<std::uint32_t>(servers_[i].queue.size()),
                  servers_[i].work});
  }

  hosts hosts_;
  std::vector<server> servers_;
  std::vector<balancer> directories_;
  std::priority_queue<later> due_;
  std::vector<double> waits_;
  double now_ = 0;
  std::uint64_t state_ = 1;
};

} // namespace

TEST_CASE("balance: nobody is chosen among nobody") {
  balancer b{balance_policy::least_work_left};
  CHECK_FALSE(b.choose({}, 0));
}

TEST_CASE("balance: each policy looks at its own figure") {
  struct row {
    balance_policy policy;
    std::string expected;
  };
  const row rows[] = {{balance_policy::fewest_sessions, "a"},
                      {balance_policy::fewest_transactions, "b"},
                      {balance_policy::least_work_left, "c"}};
  for (const auto& r : rows) {
    CAPTURE(to_string(r.policy));
    balancer b{r.policy};
    b.report("a", {1, 30, 300});
    b.report("b", {20, 2, 200});
    b.report("c", {30, 20, 10});
    CHECK(chosen(b, {{"a", 1}, {"b", 1}, {"c", 1}}) == r.expected);
  }
}

TEST_CASE("balance: what was placed since the last report counts, and for one report longer") {
  balancer b{balance_policy::least_work_left};
  b.report("a", {0, 0, 0});
  b.report("b", {3, 3, 3 * invite_work - 1});
  for (int i = 0; i < 3; ++i) CHECK(chosen(b, two) == "a");
  CHECK(chosen(b, two) == "b");
  b.report("a", {0, 0, 0}); // sent before ours came there: 3 against 4
  CHECK(chosen(b, two) == "a");
  CHECK(chosen(b, two) == "b");
  b.report("a", {0, 0, 0}); // 1, placed after the report before
  for (int i = 0; i < 3; ++i) CHECK(chosen(b, two) == "a");
}

TEST_CASE("balance: of equals in work the one with fewer sessions by weight is chosen") {
  for (const auto policy : {balance_policy::least_work_left, balance_policy::fewest_transactions}) {
    balancer b{policy};
    b.report("a", {30, 0, 0});
    b.report("b", {20, 0, 0});
    CHECK(chosen(b, two) == "b");
    balancer weighted{policy};
    weighted.report("a", {30, 0, 0});
    weighted.report("b", {20, 0, 0});
    CHECK(chosen(weighted, {{"a", 2}, {"b", 1}}) == "a");
  }
}

TEST_CASE("balance: entropy decides between equals") {
  for (const std::uint64_t random : {0u, 1u}) {
    balancer b{balance_policy::fewest_sessions};
    CHECK(chosen(b, two, random) == (random == 0 ? "a" : "b"));
  }
}

TEST_CASE("balance: round robin interleaves by weight") {
  balancer b{balance_policy::round_robin};
  std::string order;
  for (int i = 0; i < 8; ++i) order += chosen(b, {{"a", 2}, {"b", 1}, {"c", 1}});
  CHECK(order == "abcaabca");
}

TEST_CASE("balance: a slow container is chosen only when all are slow") {
  for (const auto name : balance_policy_names) {
    CAPTURE(name);
    balancer b{*balance_policy_named(name)};
    b.slow("a", true);
    for (int i = 0; i < 5; ++i) CHECK(chosen(b, two) == "b");
    b.slow("b", true);
    CHECK_FALSE(chosen(b, two).empty());
    b.slow("a", false);
    CHECK(chosen(b, two) == "a");
  }
}

TEST_CASE("balance: every policy is even by weight on a stream of equal calls") {
  for (const auto name : balance_policy_names) {
    CAPTURE(name);
    balancer b{*balance_policy_named(name)};
    std::map<std::string, int> placed;
    for (int i = 0; i < 400; ++i)
      ++placed[chosen(b, {{"a", 1}, {"b", 2}, {"c", 1}}, static_cast<std::uint64_t>(i))];
    CHECK(placed["a"] == 100);
    CHECK(placed["b"] == 200);
    CHECK(placed["c"] == 100);
  }
}

TEST_CASE("balance: on skewed arrivals, least work left waits least [Jiang et al., TLWL]") {
  std::map<balance_policy, double> wait;
  std::map<balance_policy, double> spread;
  for (const auto name : balance_policy_names) {
    const auto policy = *balance_policy_named(name);
    farm f{policy, {1, 1, 2, 1}, 3}; // capacity 5 a millisecond
    f.run(20'000, 0.25);             // which offers about 4.6
    wait[policy] = f.wait_p99();
    spread[policy] = f.max_over_mean();
    MESSAGE(name << ": wait p99 " << wait[policy] << " ms, max/mean " << spread[policy]);
  }
  const auto best = wait[balance_policy::least_work_left];
  CHECK(best <= wait[balance_policy::fewest_transactions] * 1.05);
  CHECK(best < wait[balance_policy::fewest_sessions]);
  CHECK(best < wait[balance_policy::round_robin]);
  CHECK(spread[balance_policy::least_work_left] <= 1.10);
}
