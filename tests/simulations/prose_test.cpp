// Plans as prose: what a run is replayed from.
#include "simulations/plan/draw.hpp"
#include "simulations/plan/prose.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace holdfast;
using namespace holdfast::simulations;

namespace {

std::string error_of(const std::string& text) {
  const auto plan = read_prose(text);
  return plan ? "" : plan.error().what;
}

} // namespace

TEST_CASE("prose: every drawn plan is read back as it was written") {
  for (const auto& scenario : drawn_scenarios())
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
      const auto drawn = draw_plan(seed, scenario.name);
      const auto text = to_prose(drawn);
      CAPTURE(text);
      const auto read = read_prose(text);
      REQUIRE_MESSAGE(read.has_value(), (read ? "" : read.error().what));
      CHECK(to_prose(*read) == text);
      CHECK(read->calls == drawn.calls);
      CHECK(read->faults == drawn.faults);
      CHECK(read->registrations == drawn.registrations);
      CHECK(read->cluster.shards == drawn.cluster.shards);
      CHECK(read->cluster.message_rate == drawn.cluster.message_rate);
      CHECK(read->faults_end == drawn.faults_end);
      CHECK(read->waits == drawn.waits);
      CHECK(read->last_failover == drawn.last_failover);
      CHECK(read->to_the_end == drawn.to_the_end);
      CHECK(read->cluster.mixed_versions == drawn.cluster.mixed_versions);
    }
}

TEST_CASE("prose: every kind of fault has a sentence of its own") {
  for (std::size_t k = 0; k < fault_kinds; ++k) {
    fault f;
    f.kind = static_cast<fault_kind>(k);
    f.at = 1500ms;
    f.lasts = f.kind == fault_kind::move ? duration{} : 250ms;
    f.node = "container-1";
    f.other = "proxy-2";
    f.amount = 7;
    const auto read = read_prose(to_prose(f));
    REQUIRE_MESSAGE(read.has_value(), to_prose(f));
    REQUIRE(read->faults.size() == 1);
    CHECK(read->faults[0].kind == f.kind);
    CHECK(to_prose(read->faults[0]) == to_prose(f));
    CHECK_FALSE(name_of(f.kind).empty());
  }
}

TEST_CASE("prose: comments and empty lines are nothing, faults are put in order") {
  const auto plan = read_prose("# a run\n\nseed 7\n"
                               "at 2 s container-1 hangs for 100 ms # and comes back\n"
                               "at 1 s container-2 crashes for 1 s\n");
  REQUIRE(plan.has_value());
  CHECK(plan->seed == 7);
  REQUIRE(plan->faults.size() == 2);
  CHECK(plan->faults[0].node == "container-2");
  CHECK(plan->faults[1].lasts == 100ms);
}

TEST_CASE("prose: what is not understood is named with its line") {
  const struct {
    std::string text, names;
  } rows[] = {
      {"seed one", "'one' is no number"},
      {"seed 1\nat 2 s container-1 explodes", "line 2: there is no such fault"},
      {"at soon container-1 crashes for 1 s", "'soon' is no time"},
      {"at 1 s call 1 to answer is placed", "expected 'is made' before 'is'"},
      {"at 1 s call 1 to answer is made, held for 3", "expected 's'"},
      {"a cluster of 3 elephants", "proxies, containers, shards and replicas"},
      {"bob is registered for 600 s today", "'today' is not understood"},
      {"faults end", "is registered for"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK_MESSAGE(error_of(row.text).find(row.names) != std::string::npos, error_of(row.text));
  }
}

TEST_CASE("draw: a seed is one plan, its neighbour another") {
  CHECK(to_prose(draw_plan(17, "random")) == to_prose(draw_plan(17, "random")));
  CHECK(to_prose(draw_plan(17, "random")) != to_prose(draw_plan(18, "random")));
  CHECK_THROWS_AS(draw_plan(1, "fancy"), std::invalid_argument);
}

TEST_CASE("draw: within 1000 seeds there is every kind of fault, of call and of cluster") {
  std::size_t faults[fault_kinds] = {};
  std::size_t proxied = 0, reliable = 0, timed = 0, silent = 0, crowded = 0, limited = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const auto plan = draw_plan(seed, "random");
    for (const auto& f : plan.faults) ++faults[static_cast<std::size_t>(f.kind)];
    for (const auto& call : plan.calls) {
      proxied += is_proxied(call);
      reliable += call.reliable;
      timed += call.session_s != 0;
      silent += call.silent_after.has_value();
    }
    limited += plan.cluster.message_rate != 0;
    crowded += plan.calls.size() > 10;
    CHECK(plan.cluster.replicas < plan.cluster.containers);
  }
  for (std::size_t k = 0; k < fault_kinds; ++k)
    CHECK_MESSAGE(faults[k] > 0, name_of(static_cast<fault_kind>(k)));
  for (const auto count : {proxied, reliable, timed, silent, crowded, limited}) CHECK(count > 0);
}
