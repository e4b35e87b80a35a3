// The simulator's own test: defects that are in the product on purpose, in its build only, and how
// many seeds it takes to find each.
#include "protocol/core/buggify.hpp"
#include "simulations/campaign/campaign.hpp"
#include "simulations/campaign/child.hpp"
#include "simulations/campaign/shrink.hpp"
#include "simulations/plan/draw.hpp"
#include "simulations/plan/prose.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace holdfast::simulations {

namespace {

constexpr std::size_t fault_events_max = 10;
constexpr std::size_t shrink_runs = 60;

struct progress {
  std::uint64_t seeds = 0; // looked at
  std::string invariant;   // not empty: found, by the last of them
  std::size_t faults = 0;  // after shrinking
};

// A line a defect: NAME SEEDS INVARIANT FAULTS; the last of a name counts.
std::map<std::string, progress> load(const std::string& file) {
  std::map<std::string, progress> known;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string name;
    progress p;
    if (words >> name >> p.seeds >> p.invariant >> p.faults) {
      if (p.invariant == "-") p.invariant.clear();
      known[name] = p;
    }
  }
  return known;
}

void save(const std::string& file, const std::string& name, const progress& p) {
  if (file.empty()) return;
  std::ofstream{file, std::ios::app} << name << ' ' << p.seeds << ' '
                                     << (p.invariant.empty() ? "-" : p.invariant) << ' ' << p.faults
                                     << '\n';
}

void search(const std::string& name, progress& p, const planted_options& options) {
  constexpr std::uint64_t save_interval = 100;
  child_pool pool;
  std::uint64_t next = p.seeds + 1;
  while (p.invariant.empty() && (next <= options.seeds_max || pool.running() > 0)) {
    while (pool.running() < options.jobs && next <= options.seeds_max) {
      auto plan = draw_plan(next++, "random");
      plan.planted = name;
      pool.start(plan);
    }
    const auto done = pool.wait();
    p.seeds = std::max(p.seeds, done.plan.seed);
    if (p.seeds % save_interval == 0) save(options.state, name, p);
    if (done.result.clean()) continue;
    p.invariant = done.result.findings.empty() ? "died" : done.result.findings.front().invariant;
    p.seeds = done.plan.seed;
    p.faults = done.plan.fault_events();
    if (options.shrinks && p.faults > 0) {
      const auto small =
          shrink(done.plan, done.result, p.invariant == "died" ? "" : p.invariant, shrink_runs);
      p.faults = small.plan.fault_events();
    }
  }
  save(options.state, name, p);
}

} // namespace

int run_planted(const planted_options& options) {
  auto known = options.state.empty() ? std::map<std::string, progress>{} : load(options.state);
  std::size_t found = 0, defects = 0, small = 0;
  std::printf("%-52s %8s  %-6s %s\n", "defect", "seeds", "found", "faults");
  for (const auto* point : simulated::points(simulated::point_kind::planted)) {
    const std::string name{point->name};
    if (!options.only.empty() && options.only != name) continue;
    ++defects;
    auto& p = known[name];
    if (p.invariant.empty()) search(name, p, options);
    const bool detected = !p.invariant.empty();
    if (detected) ++found;
    if (detected && p.faults <= fault_events_max) ++small;
    std::printf("%-52s %8llu  %-6s %zu\n", name.c_str(), static_cast<unsigned long long>(p.seeds),
                detected ? p.invariant.c_str() : "no", p.faults);
    std::fflush(stdout);
  }
  std::printf("%zu of %zu defects found, %zu shrunk to at most %zu faults\n", found, defects, small,
              fault_events_max);
  return defects > 0 && found == defects && small == defects ? 0 : 1;
}

} // namespace holdfast::simulations
