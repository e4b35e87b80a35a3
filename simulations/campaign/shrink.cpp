#include "simulations/campaign/shrink.hpp"

#include "simulations/campaign/child.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::simulations {

namespace {

constexpr std::uint64_t seeds_per_candidate = 2;

class shrinker {
public:
  shrinker(shrunk best, std::string invariant, std::size_t runs_max)
      : best_{std::move(best)}, invariant_{std::move(invariant)}, runs_max_{runs_max} {}

  shrunk take() {
    simplify();
    fewer(&run_plan::faults);
    fewer(&run_plan::calls);
    fewer(&run_plan::registrations);
    fewer_requests();
    fewer_nodes();
    fewer(&run_plan::faults);
    return std::move(best_);
  }

private:
  bool still_fails(run_plan candidate) {
    for (std::uint64_t i = 0; i < seeds_per_candidate; ++i) {
      if (best_.runs >= runs_max_) return false;
      if (i > 0) candidate.seed = best_.plan.seed * 1000 + i;
      ++best_.runs;
      auto result = run_apart(candidate);
      const auto& found = result.findings;
      const bool same = invariant_.empty()
                            ? !result.died.empty()
                            : std::any_of(found.begin(), found.end(), [&](const finding& f) {
                                return f.invariant == invariant_;
                              });
      if (!same) continue;
      best_.plan = std::move(candidate);
      best_.result = std::move(result);
      return true;
    }
    return false;
  }

  void simplify() {
    auto calm = best_.plan;
    if (std::exchange(calm.buggify, 0) > 0) still_fails(calm);
    calm = best_.plan;
    if (std::exchange(calm.last_failover, false)) still_fails(calm);
    calm = best_.plan;
    if (std::exchange(calm.to_the_end, false)) still_fails(calm);
    calm = best_.plan;
    if (std::exchange(calm.cluster.mixed_versions, false)) still_fails(calm);
  }

  // First halves, then one by one.
  template <class T>
  void fewer(std::vector<T> run_plan::*list) {
    for (auto size = (best_.plan.*list).size(); size > 0; size /= 2)
      for (std::size_t at = 0; at < (best_.plan.*list).size();) {
        auto candidate = best_.plan;
        auto& items = candidate.*list;
        const auto count = std::min(size, items.size() - at);
        const auto first = items.begin() + static_cast<std::ptrdiff_t>(at);
        items.erase(first, first + static_cast<std::ptrdiff_t>(count));
        if (!still_fails(candidate)) at += size;
      }
  }

  void fewer_requests() {
    for (std::size_t i = 0; i < best_.plan.calls.size(); ++i) {
      auto candidate = best_.plan;
      if (candidate.calls[i].requests.empty()) continue;
      candidate.calls[i].requests.clear();
      still_fails(candidate);
    }
  }

  // A fault of a node that is no more would be none.
  void fewer_nodes() {
    const auto names = [](const run_plan& plan, const std::string& node) {
      return std::any_of(plan.faults.begin(), plan.faults.end(),
                         [&](const fault& f) { return f.node == node || f.other == node; });
    };
    auto candidate = best_.plan;
    while (candidate.cluster.containers > candidate.cluster.replicas + 1U
           && !names(candidate, "container-" + std::to_string(candidate.cluster.containers))) {
      --candidate.cluster.containers;
      if (!still_fails(candidate)) break;
    }
    candidate = best_.plan;
    while (candidate.cluster.proxies > 1
           && !names(candidate, "proxy-" + std::to_string(candidate.cluster.proxies))) {
      --candidate.cluster.proxies;
      if (!still_fails(candidate)) break;
    }
  }

  shrunk best_;
  std::string invariant_;
  std::size_t runs_max_;
};

} // namespace

shrunk shrink(run_plan plan, run_result result, const std::string& invariant,
              std::size_t runs_max) {
  return shrinker{{std::move(plan), std::move(result), 0}, invariant, runs_max}.take();
}

} // namespace holdfast::simulations
