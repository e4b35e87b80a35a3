#include "simulations/campaign/campaign.hpp"

#include "simulations/campaign/child.hpp"
#include "simulations/campaign/shrink.hpp"
#include "simulations/plan/prose.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace holdfast::simulations {

namespace {

using steady = std::chrono::steady_clock;

double seconds_since(steady::time_point began) {
  return std::chrono::duration<double>(steady::now() - began).count();
}

std::string first_invariant(const run_result& result) {
  return result.findings.empty() ? "" : result.findings.front().invariant;
}

std::string replay_of(const run_plan& plan) {
  auto text = "holdfast simulate --seed " + std::to_string(plan.seed);
  if (plan.scenario != "random") text += " --scenario " + plan.scenario;
  if (!plan.planted.empty()) text += " --planted " + plan.planted;
  return text;
}

std::string save(const run_plan& plan, std::uint64_t seed) {
  const auto folder = std::filesystem::temp_directory_path() / "holdfast-simulate";
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const auto file = folder / ("seed-" + std::to_string(seed) + ".sim");
  std::ofstream{file} << to_prose(plan);
  return file.string();
}

class campaign {
public:
  explicit campaign(const campaign_options& options)
      : options_{options}, progress_{!options.quiet && ::isatty(2) == 1} {}

  int run() {
    while (next_ < options_.plans.size() || pool_.running() > 0) {
      while (pool_.running() < options_.jobs && next_ < options_.plans.size() && !stopped())
        pool_.start(options_.plans[next_++]);
      if (pool_.running() == 0) break;
      take(pool_.wait());
      tell_progress();
    }
    if (progress_) std::fputs("\r\033[K", stderr);
    if (worst_ && !options_.keep_going) tell_worst();
    print_totals(totals_, seconds_since(began_));
    return totals_.failed == 0 ? 0 : 1;
  }

private:
  [[nodiscard]] bool stopped() const { return worst_ && !options_.keep_going; }

  void take(child_pool::ended e) {
    if (options_.twice) {
      const auto again = run_apart(e.plan);
      if (again.hash != e.result.hash)
        e.result.findings.push_back({"determinism", "two runs of one seed are not the same", 0, 0});
    }
    totals_.add(e.result);
    if (e.result.clean()) return;
    if (options_.keep_going)
      std::printf("seed %llu: %s %s\n", static_cast<unsigned long long>(e.plan.seed),
                  first_invariant(e.result).c_str(),
                  e.result.died.empty() ? e.result.findings.front().what.c_str()
                                        : e.result.died.c_str());
    std::fflush(stdout);
    if (!worst_) worst_ = std::move(e);
  }

  void tell_worst() {
    const auto original = replay_of(worst_->plan);
    const auto seed = worst_->plan.seed;
    const auto invariant = first_invariant(worst_->result);
    if (options_.shrinks && invariant != "determinism") {
      std::fprintf(stderr, "seed %llu violates %s; looking for a smaller run ...\n",
                   static_cast<unsigned long long>(seed), invariant.c_str());
      auto small = shrink(worst_->plan, worst_->result, invariant, options_.shrink_runs);
      const auto file = save(small.plan, seed);
      print_violation(small.plan, small.result, "holdfast simulate --no-shrink --scenario " + file);
      std::printf("\nbefore it was made smaller: %s\n", original.c_str());
    } else {
      print_violation(worst_->plan, worst_->result, original);
    }
  }

  void tell_progress() {
    if (!progress_ || seconds_since(told_) < 0.5) return;
    told_ = steady::now();
    std::fprintf(stderr, "\r\033[K%llu of %zu seeds, %llu violations, %.0f s",
                 static_cast<unsigned long long>(totals_.runs), options_.plans.size(),
                 static_cast<unsigned long long>(totals_.failed), seconds_since(began_));
  }

  const campaign_options& options_;
  bool progress_;
  child_pool pool_;
  std::size_t next_ = 0;
  campaign_totals totals_;
  std::optional<child_pool::ended> worst_;
  steady::time_point began_ = steady::now();
  steady::time_point told_ = steady::now();
};

} // namespace

void campaign_totals::add(const run_result& result) {
  ++runs;
  calls += result.calls;
  events += result.events;
  simulated_us += result.simulated_us;
  cpu_us += result.cpu_us;
  each_cpu_us.push_back(result.cpu_us);
  for (const auto& [kind, count] : result.faults) faults[kind] += count;
  for (const auto& p : result.points) {
    auto& total = points[{p.kind, p.name}];
    total.asked += p.asked;
    total.fired += p.fired;
    total.runs += p.runs;
  }
  if (result.clean()) return;
  ++failed;
  seeds_by_invariant[first_invariant(result)].push_back(result.seed);
}

int run_campaign(const campaign_options& options) {
  return campaign{options}.run();
}

} // namespace holdfast::simulations
