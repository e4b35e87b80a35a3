#include "protocol/cluster/balance.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

std::string_view to_string(balance_policy p) {
  return balance_policy_names[static_cast<std::size_t>(p) - 1];
}

std::optional<balance_policy> balance_policy_named(std::string_view name) {
  const auto found = std::find(balance_policy_names.begin(), balance_policy_names.end(), name);
  if (found == balance_policy_names.end()) return std::nullopt;
  return static_cast<balance_policy>(found - balance_policy_names.begin() + 1);
}

void balancer::report(const std::string& node, const load_figures& figures) {
  auto& e = entries_[node];
  e.told = figures;
  e.placed_before = e.placed;
  e.placed = 0;
}

void balancer::slow(const std::string& node, bool is_slow) {
  entries_[node].slow = is_slow;
}

void balancer::full(const std::string& node, bool is_full) {
  entries_[node].full = is_full;
}

std::optional<std::size_t> balancer::choose(const std::vector<host>& hosts, std::uint64_t random) {
  if (hosts.empty()) return std::nullopt;
  std::vector<std::size_t> among;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    if (const auto& e = entries_[hosts[i].name]; !e.slow && !e.full) among.push_back(i);
  if (among.empty())
    for (std::size_t i = 0; i < hosts.size(); ++i) among.push_back(i);
  const auto chosen = policy_ == balance_policy::round_robin ? next_turn(hosts, among)
                                                             : least_loaded(hosts, among, random);
  ++entries_[hosts[chosen].name].placed;
  return chosen;
}

// Everybody gains its weight each time, and who is chosen pays the sum of all: with weights 2 and 1
// the order is a b a, not a a b.
std::size_t balancer::next_turn(const std::vector<host>& hosts,
                                const std::vector<std::size_t>& among) {
  std::int64_t total = 0;
  std::size_t best = among.front();
  for (const auto i : among) {
    auto& e = entries_[hosts[i].name];
    const auto weight = std::max<std::int64_t>(hosts[i].weight, 1);
    e.turn += weight;
    total += weight;
    if (e.turn > entries_[hosts[best].name].turn) best = i;
  }
  entries_[hosts[best].name].turn -= total;
  return best;
}

// Equals are told apart by their sessions: at rest nobody has work, and still calls should lie
// even.
std::size_t balancer::least_loaded(const std::vector<host>& hosts,
                                   const std::vector<std::size_t>& among, std::uint64_t random) {
  std::vector<std::size_t> best;
  std::pair<double, double> lowest;
  for (const auto i : among) {
    const auto& e = entries_[hosts[i].name];
    const std::pair load{load_of(e, policy_, hosts[i].weight),
                         load_of(e, balance_policy::fewest_sessions, hosts[i].weight)};
    if (best.empty() || load < lowest) {
      best.clear();
      lowest = load;
    }
    if (load <= lowest) best.push_back(i);
  }
  return best[random % best.size()];
}

double balancer::load_of(const entry& e, balance_policy policy, std::uint32_t weight) {
  const double placed = e.placed + e.placed_before;
  const double capacity = std::max(weight, 1u);
  switch (policy) {
  case balance_policy::fewest_sessions:
    return (e.told.sessions + placed) / capacity;
  case balance_policy::fewest_transactions:
    return (e.told.transactions + placed) / capacity;
  default:
    return (e.told.work + placed * invite_work) / capacity;
  }
}

} // namespace holdfast::cluster
