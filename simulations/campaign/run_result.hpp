// What a run came to, in the form in which a child process hands it to the campaign.
#pragma once

#include "protocol/core/codec.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace holdfast::simulations {

struct finding {
  std::string invariant;
  std::string what;
  std::uint32_t call = 0;
  std::int64_t at_us = 0; // since the cluster formed
};

struct point_count {
  std::uint8_t kind = 0; // simulated::point_kind
  std::string name;
  std::uint64_t asked = 0;
  std::uint64_t fired = 0;
  std::uint64_t runs = 0; // in which it fired
};

struct run_result {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  std::int64_t simulated_us = 0;
  std::int64_t cpu_us = 0; // that it took
  std::uint32_t calls = 0;
  std::map<std::string, std::uint64_t> faults; // carried out, by kind
  std::vector<finding> findings;
  std::vector<point_count> points;
  std::string ladder; // of the first finding
  std::string died;   // not empty: the process ended before it had a result

  [[nodiscard]] bool clean() const { return findings.empty() && died.empty(); }
};

template <class F>
void describe(F& f, finding& x) {
  f(1, x.invariant);
  f(2, x.what);
  f(3, x.call);
  f(4, x.at_us);
}
template <class F>
void describe(F& f, point_count& x) {
  f(1, x.kind);
  f(2, x.name);
  f(3, x.asked);
  f(4, x.fired);
  f(5, x.runs);
}
template <class F>
void describe(F& f, run_result& x) {
  f(1, x.seed);
  f(2, x.hash);
  f(3, x.events);
  f(4, x.simulated_us);
  f(5, x.cpu_us);
  f(6, x.calls);
  f(7, x.faults);
  f(8, x.findings);
  f(9, x.points);
  f(10, x.ladder);
  f(11, x.died);
}

} // namespace holdfast::simulations
