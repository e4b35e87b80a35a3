#include "protocol/cluster/directory.hpp"
#include "protocol/cluster/flow_table.hpp"
#include "protocol/core/timing_wheel.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {
const instant start{1h};
const session_address place{shard_id{3}, session_id{99}};
} // namespace

TEST_CASE("directory: copies of a request follow the first, until it is forgotten") {
  directory d;
  CHECK_FALSE(d.find("call:a;1", start));
  d.place(shard_id{1}, "call:a;1", place, start);
  CHECK(d.find("call:a;1", start) == place);
  d.forget("call:a;1");
  CHECK_FALSE(d.find("call:a;1", start));
  CHECK(d.size() == 0);
}

TEST_CASE("directory: a home shard that moves takes its entries along") {
  directory d;
  d.place(shard_id{1}, "a", place, start);
  d.place(shard_id{2}, "b", place, start);
  d.forget(shard_id{1});
  CHECK_FALSE(d.find("a", start));
  CHECK(d.find("b", start));
}

TEST_CASE("directory: idle entries expire, used ones stay") {
  directory d;
  d.place(shard_id{1}, "idle", place, start);
  d.place(shard_id{1}, "used", place, start);
  CHECK(d.find("used", start + 9min));
  d.expire(start + 11min);
  CHECK(d.size() == 1);
  CHECK(d.find("used", start + 11min));
}

TEST_CASE("flows: a known client stays with its proxy, new ones go round [design, Dispatcher]") {
  flow_table flows;
  flows.set_targets({{"proxy-1#1", {"127.0.0.1", 1}}, {"proxy-2#1", {"127.0.0.1", 2}}});
  const auto first = flows.target_of({"192.0.2.1", 5060}, start);
  const auto second = flows.target_of({"192.0.2.2", 5060}, start);
  CHECK(first != second);
  CHECK(flows.target_of({"192.0.2.1", 5060}, start + 1min) == first);
}

TEST_CASE("flows: clients of a dead proxy get a living one, the others keep theirs") {
  flow_table flows;
  flows.set_targets({{"proxy-1#1", {"127.0.0.1", 1}}, {"proxy-2#1", {"127.0.0.1", 2}}});
  const auto one = *flows.target_of({"192.0.2.1", 5060}, start);
  const auto two = *flows.target_of({"192.0.2.2", 5060}, start);
  flows.set_targets({{"proxy-2#1", {"127.0.0.1", 2}}});
  CHECK(flows.target_of({"192.0.2.1", 5060}, start) == endpoint{"127.0.0.1", 2});
  CHECK(flows.target_of({"192.0.2.2", 5060}, start) == endpoint{"127.0.0.1", 2});
  CHECK(one != two);
  flows.set_targets({});
  CHECK_FALSE(flows.target_of({"192.0.2.3", 5060}, start));
}

TEST_CASE("flows: silent clients are forgotten") {
  flow_table flows;
  flows.set_targets({{"proxy-1#1", {"127.0.0.1", 1}}});
  (void)flows.target_of({"192.0.2.1", 5060}, start);
  (void)flows.target_of({"192.0.2.2", 5060}, start + 11min);
  CHECK(flows.size() == 1);
}

TEST_CASE("timing wheel: everything fires once, at or after its deadline, near and far") {
  timing_wheel<int> wheel{10ms, 64};
  const duration deadlines[] = {1ms, 10ms, 11ms, 640ms, 641ms, 5s, 60s, 3600s};
  int n = 0;
  for (const auto d : deadlines) wheel.arm(start + d, n++, 1);
  std::set<int> fired;
  for (auto now = start; now <= start + 3601s; now += 7ms)
    for (const auto& e : wheel.advance(now)) {
      CHECK(now >= start + deadlines[e.address]);
      CHECK(now < start + deadlines[e.address] + 20ms);
      CHECK(fired.insert(e.address).second);
    }
  CHECK(fired.size() == std::size(deadlines));
  CHECK(wheel.size() == 0);
}

TEST_CASE("timing wheel: a pause longer than a revolution loses nothing") {
  timing_wheel<int> wheel{10ms, 64};
  (void)wheel.advance(start);
  for (int n = 0; n < 100; ++n) wheel.arm(start + n * 13ms, n, 1);
  CHECK(wheel.advance(start + 10min).size() == 100);
}
