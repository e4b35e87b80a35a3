// The binary `holdfast-simulate`, which `holdfast simulate` runs: the product's actors built once
// more with the points of protocol/core/buggify.hpp in them.
#include "protocol/core/buggify.hpp"
#include "simulations/campaign/campaign.hpp"
#include "simulations/campaign/rehearsal.hpp"
#include "simulations/oracle/invariants.hpp"
#include "simulations/plan/draw.hpp"
#include "simulations/plan/prose.hpp"

#include <CLI/CLI.hpp>
#include <spdlog/cfg/env.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace {

using namespace holdfast::simulations;
namespace files = std::filesystem;

constexpr int exit_misused = 2;

struct flags {
  std::uint64_t seed = 0;
  std::string seeds;
  std::string scenario = "random";
  std::size_t jobs = 1;
  std::string trace;
  std::string planted;
  std::string state;
  std::uint64_t seeds_max = 10'000;
  bool determinism = false;
  bool keep_going = false;
  bool planted_bugs = false;
  bool no_shrink = false;
  bool print_plan = false;
  bool list = false;
};

std::uint64_t number_in(const std::string& text) {
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || value == 0)
    throw std::invalid_argument("--seeds: '" + text
                                + "' is no seed; write A..B, as in 1..1000, or A,B,C");
  return value;
}

std::vector<std::uint64_t> seeds_of(const flags& f) {
  if (f.seeds.empty()) return {f.seed};
  std::vector<std::uint64_t> all;
  std::istringstream parts{f.seeds};
  for (std::string part; std::getline(parts, part, ',');) {
    const auto dots = part.find("..");
    const auto first = number_in(part.substr(0, dots));
    const auto last = dots == std::string::npos ? first : number_in(part.substr(dots + 2));
    if (last < first) throw std::invalid_argument("--seeds: " + part + " holds none");
    for (auto s = first; s <= last; ++s) all.push_back(s);
  }
  if (all.empty()) throw std::invalid_argument("--seeds: '" + f.seeds + "' holds none");
  return all;
}

run_plan plan_from(const files::path& file) {
  std::ifstream in{file};
  std::stringstream text;
  text << in.rdbuf();
  if (!in) throw std::invalid_argument("cannot read " + file.string());
  auto plan = read_prose(text.str());
  if (!plan) throw std::invalid_argument(file.string() + ": " + plan.error().what);
  plan->scenario = file.string();
  return std::move(*plan);
}

// A file, all files of a folder, or the name of one that comes with the source.
std::vector<files::path> files_of(const std::string& scenario) {
  std::vector<files::path> found;
  const auto shipped =
      files::path{HOLDFAST_SOURCE_DIR} / "simulations" / "scenarios" / (scenario + ".sim");
  if (files::is_directory(scenario)) {
    for (const auto& each : files::directory_iterator{scenario})
      if (each.path().extension() == ".sim") found.push_back(each.path());
    std::sort(found.begin(), found.end());
  } else if (files::exists(scenario)) {
    found.push_back(scenario);
  } else if (files::exists(shipped)) {
    found.push_back(shipped);
  }
  return found;
}

std::vector<run_plan> plans_of(const flags& f) {
  std::vector<run_plan> plans;
  const auto& drawn = drawn_scenarios();
  const bool is_drawn =
      std::any_of(drawn.begin(), drawn.end(), [&](const auto& s) { return s.name == f.scenario; });
  if (is_drawn) {
    auto seeds = f.seed == 0 && f.seeds.empty() ? std::vector<std::uint64_t>{1} : seeds_of(f);
    for (const auto seed : seeds) plans.push_back(draw_plan(seed, f.scenario));
  } else {
    const auto found = files_of(f.scenario);
    if (found.empty())
      throw std::invalid_argument("there is no scenario '" + f.scenario
                                  + "'; --list shows those there are");
    for (const auto& file : found) {
      auto plan = plan_from(file);
      if (f.seed == 0 && f.seeds.empty()) {
        plans.push_back(plan);
        continue;
      }
      for (const auto seed : seeds_of(f)) {
        plan.seed = seed;
        plans.push_back(plan);
      }
    }
  }
  for (auto& plan : plans)
    if (!f.planted.empty()) plan.planted = f.planted;
  return plans;
}

int list() {
  std::cout << "scenarios that are drawn from the seed:\n";
  for (const auto& s : drawn_scenarios()) std::cout << "  " << s.name << ": " << s.what << '\n';
  std::cout << "scenarios in simulations/scenarios:\n";
  for (const auto& file : files_of(HOLDFAST_SOURCE_DIR "/simulations/scenarios"))
    std::cout << "  " << file.stem().string() << '\n';
  std::cout << "invariants:\n";
  for (const auto& i : all_invariants()) std::cout << "  " << i.name << ": " << i.rule << '\n';
  const auto count = [](auto kind) { return holdfast::simulated::points(kind).size(); };
  using kind = holdfast::simulated::point_kind;
  std::cout << count(kind::buggify) << " points of unlikely choice, " << count(kind::sometimes)
            << " rare states, " << count(kind::planted) << " planted defects:\n";
  for (const auto* p : holdfast::simulated::points(kind::planted))
    std::cout << "  " << p->name << '\n';
  return 0;
}

int trace(const flags& f, const run_plan& plan) {
  std::ofstream file{f.trace};
  const auto result = rehearse(plan, &file);
  file.flush();
  if (!file) throw std::runtime_error("cannot write " + f.trace);
  if (!result.clean()) print_violation(plan, result, "this command");
  std::cout << "trace of " << result.events << " events in " << f.trace << '\n';
  return result.clean() ? 0 : 1;
}

int act(const flags& f) {
  if (f.list) return list();
  if (f.planted_bugs) return run_planted({f.seeds_max, f.jobs, f.state, f.planted, !f.no_shrink});
  campaign_options options;
  options.plans = plans_of(f);
  if (f.print_plan) {
    for (const auto& plan : options.plans) std::cout << to_prose(plan) << '\n';
    return 0;
  }
  if (!f.trace.empty()) return trace(f, options.plans.front());
  options.jobs = f.jobs;
  options.keep_going = f.keep_going;
  options.twice = f.determinism;
  options.shrinks = !f.no_shrink;
  return run_campaign(options);
}

} // namespace

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::off);
  spdlog::cfg::load_env_levels();
  CLI::App app{"Whole clusters of the real actors in one thread, in virtual time, with faults.\n"
               "A run is a function of its seed; exit code 1 on a violation.",
               "holdfast simulate"};
  flags f;
  auto* seed = app.add_option("--seed", f.seed, "one run")->check(CLI::PositiveNumber);
  app.add_option("--seeds", f.seeds, "A..B, or A,B,C: many runs, each in a process of its own")
      ->excludes(seed);
  app.add_option("--scenario", f.scenario,
                 "a name, a file of sentences, or a folder of such files");
  app.add_option("--jobs", f.jobs, "how many runs at a time")->check(CLI::Range(1, 256));
  app.add_option("--trace", f.trace, "write the (first) run there, as JSON lines");
  app.add_flag("--check-determinism", f.determinism, "run each seed twice and compare");
  app.add_flag("--keep-going", f.keep_going, "do not stop at the first violation");
  app.add_flag("--no-shrink", f.no_shrink, "do not look for a smaller run that shows the same");
  app.add_flag("--print-plan", f.print_plan, "say what would happen, as a scenario file");
  app.add_flag("--list", f.list, "scenarios, invariants and planted defects");
  app.add_option("--planted", f.planted, "with this defect switched on");
  app.add_flag("--planted-bugs", f.planted_bugs, "find every planted defect, count the seeds");
  app.add_option("--seeds-max", f.seeds_max, "of --planted-bugs, for each");
  app.add_option("--state", f.state, "of --planted-bugs: a file; goes on where it stopped");
  try {
    app.parse(argc, argv);
    return act(f);
  } catch (const CLI::ParseError& e) {
    const auto code = app.exit(e);
    return code == 0 ? 0 : exit_misused;
  } catch (const std::invalid_argument& e) {
    std::cerr << "holdfast simulate: " << e.what() << '\n';
    return exit_misused;
  } catch (const std::exception& e) {
    std::cerr << "holdfast simulate: " << e.what() << '\n';
    return 1;
  }
}
