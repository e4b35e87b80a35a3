#include "simulations/campaign/campaign.hpp"
#include "simulations/oracle/invariants.hpp"
#include "simulations/plan/prose.hpp"

#include <algorithm>
#include <cstdio>

namespace holdfast::simulations {

namespace {

constexpr std::uint8_t buggify_kind = 0;
constexpr std::uint8_t sometimes_kind = 1;

using ull = unsigned long long;

std::string rule_of(const std::string& name) {
  for (const auto& each : all_invariants())
    if (each.name == name) return each.rule;
  return {};
}

void print_points(const campaign_totals& totals) {
  std::size_t points = 0, acted = 0;
  for (const auto& [key, p] : totals.points)
    if (key.first == buggify_kind) {
      ++points;
      if (p.fired > 0) ++acted;
    }
  std::printf("\nunlikely choices of the code: %zu of %zu points acted\n", acted, points);
  if (totals.runs < 10) return;
  std::printf("\nrare states reached                                      runs      times\n");
  for (const auto& [key, p] : totals.points)
    if (key.first == sometimes_kind)
      std::printf("  %-52s %6llu %10llu%s\n", key.second.c_str(), static_cast<ull>(p.runs),
                  static_cast<ull>(p.fired), p.fired == 0 ? "  never" : "");
}

} // namespace

void print_totals(const campaign_totals& totals, double seconds) {
  auto each = totals.each_cpu_us;
  std::sort(each.begin(), each.end());
  const double median = each.empty() ? 0 : static_cast<double>(each[each.size() / 2]) / 1e6;
  const double slowest = each.empty() ? 0 : static_cast<double>(each.back()) / 1e6;
  const double hours = static_cast<double>(totals.simulated_us) / 3.6e9;
  std::printf("\nfaults injected:");
  for (const auto& [kind, count] : totals.faults)
    std::printf(" %s %llu%s", kind.c_str(), static_cast<ull>(count),
                kind == totals.faults.rbegin()->first ? "" : ",");
  print_points(totals);
  std::printf("\n%llu seeds, %llu calls, %.2f simulated hours, %llu events in %.1f s\n",
              static_cast<ull>(totals.runs), static_cast<ull>(totals.calls), hours,
              static_cast<ull>(totals.events), seconds);
  if (totals.cpu_us > 0)
    std::printf("%.0f events/s on one core; a seed takes %.2f s of it (median), %.2f s at most\n",
                static_cast<double>(totals.events) / (static_cast<double>(totals.cpu_us) / 1e6),
                median, slowest);
  for (const auto& [name, seeds] : totals.seeds_by_invariant) {
    std::printf("%s (%s): %zu seeds:", name.empty() ? "died" : name.c_str(), rule_of(name).c_str(),
                seeds.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(seeds.size(), 20); ++i)
      std::printf(" %llu", static_cast<ull>(seeds[i]));
    std::printf("\n");
  }
  std::printf(totals.failed == 0 ? "no violation\n" : "%llu seeds with violations\n",
              static_cast<ull>(totals.failed));
}

void print_violation(const run_plan& plan, const run_result& result, const std::string& replay) {
  std::printf("\nVIOLATION\n");
  if (!result.died.empty()) std::printf("  the run had no result: %s\n", result.died.c_str());
  for (const auto& f : result.findings)
    std::printf("  %-4s %10.3f s  %s  (%s)\n", f.invariant.c_str(),
                static_cast<double>(f.at_us) / 1e6, f.what.c_str(), rule_of(f.invariant).c_str());
  std::printf("\nthe run\n%s\n", to_prose(plan).c_str());
  if (!result.ladder.empty())
    std::printf(
        "what the user agents of the first one saw (seconds since the cluster formed)\n%s\n",
        result.ladder.c_str());
  std::printf("trace hash %016llx\nreplay: %s\n", static_cast<ull>(result.hash), replay.c_str());
}

} // namespace holdfast::simulations
