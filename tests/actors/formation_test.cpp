#include "clusters.hpp"

using namespace clusters;

TEST_CASE("formation: every shard becomes active and protected") {
  simulation run{{.seed = 1}};
  form(run);
  CHECK(run.shards().size() == 8);
  for (const auto& s : run.shards()) {
    CHECK(s.active);
    CHECK_FALSE(s.unprotected);
  }
  CHECK(run.alarms().empty());
  CHECK(run.fail_stops().empty());
}
