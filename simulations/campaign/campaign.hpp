// Many runs: seeds after seeds, several at a time, with progress, what was injected and reached,
// and the first violation told in full.
#pragma once

#include "simulations/campaign/run_result.hpp"
#include "simulations/plan/run_plan.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::simulations {

struct campaign_options {
  std::vector<run_plan> plans;
  std::size_t jobs = 1;
  bool keep_going = false; // after a violation
  bool twice = false;      // and compare the trace hashes
  bool quiet = false;      // no progress
  bool shrinks = true;
  std::size_t shrink_runs = 150;
};

struct campaign_totals {
  std::uint64_t runs = 0;
  std::uint64_t failed = 0;
  std::uint64_t calls = 0;
  std::uint64_t events = 0;
  std::int64_t simulated_us = 0;
  std::int64_t cpu_us = 0; // of the runs, added up
  std::vector<std::int64_t> each_cpu_us;
  std::map<std::string, std::uint64_t> faults;
  std::map<std::pair<std::uint8_t, std::string>, point_count> points;
  std::map<std::string, std::vector<std::uint64_t>> seeds_by_invariant;

  void add(const run_result& result);
};

// The exit code: 0 clean, 1 a violation.
int run_campaign(const campaign_options& options);

// ---- report.cpp
void print_totals(const campaign_totals& totals, double seconds);
// In full; `plan` is what replays it.
void print_violation(const run_plan& plan, const run_result& result, const std::string& replay);

// ---- planted.cpp
struct planted_options {
  std::uint64_t seeds_max = 10'000;
  std::size_t jobs = 1;
  std::string state; // file: what was found so far, and where it goes on
  std::string only;  // one defect
  bool shrinks = true;
};
// Exit code 0: every defect was found, and shrunk to no more than 10 faults.
int run_planted(const planted_options& options);

} // namespace holdfast::simulations
