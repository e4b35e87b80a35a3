#include "protocol/cluster/heartbeat.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

const std::string key = "the key of the cluster, long enough";
const instant start{1h};

member make(const std::string& name, role serves, std::uint16_t port) {
  member m;
  m.card.name = name;
  m.card.serves = serves;
  m.card.heartbeats = {"127.0.0.1", port};
  m.incarnation = incarnation{1};
  m.state = member_state::active;
  return m;
}

view cluster_view(std::uint64_t number = 7) {
  view v;
  v.number = view_number{number};
  v.members = {make("container-1", role::container, 1), make("container-2", role::container, 2),
               make("coordinator-1", role::coordinator, 3),
               make("dispatcher-1", role::dispatcher, 4), make("proxy-1", role::proxy, 5)};
  return v;
}

heartbeat_unit unit_of(const std::string& name, const view& v = cluster_view()) {
  heartbeat_unit u{{name, {1}}, 50ms, 4, key};
  u.set_view(v, {name, {1}}, start);
  return u;
}

std::vector<std::uint16_t> greeted(heartbeat_unit u) {
  std::vector<std::uint16_t> ports;
  for (const auto& d : u.on_tick(start, {}).send) ports.push_back(d.to.port);
  std::sort(ports.begin(), ports.end());
  return ports;
}

std::string beat(const std::string& from, std::uint64_t tick, std::uint64_t view = 7,
                 std::uint64_t incarnation_of = 1) {
  return seal({{from, {incarnation_of}}, tick, view_number{view}, {}, {}}, key);
}

} // namespace

TEST_CASE("heartbeat: everyone greets who observes him [design, Links]") {
  struct row {
    const char* who;
    std::vector<std::uint16_t> ports;
  };
  const row rows[] = {
      {"coordinator-1", {1, 2, 4, 5}},
      {"container-1", {2, 3}},
      {"proxy-1", {3}},
      {"dispatcher-1", {3}},
  };
  for (const auto& r : rows) {
    CAPTURE(std::string{r.who});
    CHECK(greeted(unit_of(r.who)) == r.ports);
  }
}

TEST_CASE("heartbeat: a node without a place in the view says nothing") {
  heartbeat_unit u{{"container-9", {}}, 50ms, 4, key};
  CHECK(u.on_tick(start, {}).send.empty());
  u.set_view(cluster_view(), {"container-9", {}}, start);
  CHECK(u.on_tick(start + 50ms, {}).send.empty());
}

TEST_CASE("heartbeat: a coordinator suspects whom it does not hear, a container only containers") {
  auto coordinator = unit_of("coordinator-1");
  auto container = unit_of("container-1");
  std::vector<suspicion> by_coordinator, by_container;
  for (int i = 1; i <= 10; ++i) {
    const auto now = start + i * 50ms;
    (void)coordinator.on_datagram(beat("proxy-1", static_cast<std::uint64_t>(i)), now);
    for (const auto& s : coordinator.on_tick(now, {}).changes) by_coordinator.push_back(s);
    for (const auto& s : container.on_tick(now, {}).changes) by_container.push_back(s);
  }
  CHECK(by_coordinator.size() == 3);
  CHECK_FALSE(coordinator.detector().suspects({"proxy-1", {1}}));
  REQUIRE(by_container.size() == 1);
  CHECK(by_container[0].of.name == "container-2");
}

TEST_CASE("heartbeat: two units understand each other") {
  auto from = unit_of("container-1");
  auto to = unit_of("container-2");
  for (int i = 1; i <= 20; ++i) {
    const auto now = start + i * 50ms;
    for (const auto& d : from.on_tick(now, 10ms).send)
      if (d.to.port == 2) CHECK_FALSE(to.on_datagram(d.bytes, now));
    CHECK(to.on_tick(now, 10ms).changes.empty());
  }
  CHECK(to.counters().received == 20);
  CHECK(to.counters().replayed + to.counters().forged + to.counters().malformed == 0);
}

TEST_CASE("heartbeat: what is not authentic is counted and changes nothing") {
  auto u = unit_of("coordinator-1");
  auto good = beat("proxy-1", 1, 99);
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    CHECK_FALSE(u.on_datagram(bad, start));
  }
  CHECK_FALSE(u.on_datagram("", start));
  CHECK_FALSE(u.on_datagram("short", start));
  CHECK(u.counters().forged == good.size() + 2);
  CHECK_FALSE(u.on_datagram(seal({{"proxy-1", {1}}, 1, {99}, {}, {}}, "another key"), start));
  CHECK(u.on_datagram(good, start)); // it was not used up by the forgeries
}

TEST_CASE("heartbeat: a replay is no sign of life [design, Links]") {
  auto u = unit_of("coordinator-1");
  const auto old = beat("container-1", 5);
  (void)u.on_datagram(old, start);
  for (int i = 1; i <= 5; ++i) {
    (void)u.on_datagram(old, start + i * 50ms);
    (void)u.on_datagram(beat("container-1", 4), start + i * 50ms);
    (void)u.on_tick(start + i * 50ms, {});
  }
  CHECK(u.detector().suspects({"container-1", {1}}));
  CHECK(u.counters().replayed == 10);
}

TEST_CASE("heartbeat: a new incarnation begins to count anew, and the old one is over") {
  auto u = unit_of("coordinator-1");
  (void)u.on_datagram(beat("container-1", 500), start);
  (void)u.on_datagram(beat("container-1", 1, 7, 2), start);
  CHECK(u.counters().replayed == 0);
  (void)u.on_datagram(beat("container-1", 501), start);
  CHECK(u.counters().replayed == 1);
}

TEST_CASE("heartbeat: a newer view is said, and now and then again [design, Views]") {
  auto u = unit_of("container-1");
  const auto ahead = u.on_datagram(beat("container-2", 1, 9), start);
  REQUIRE(ahead);
  CHECK(*ahead == view_ahead{"container-2", {9}});
  CHECK_FALSE(u.on_datagram(beat("coordinator-1", 1, 9), start + 1ms));
  CHECK(u.on_datagram(beat("coordinator-1", 2, 9), start + 600ms));
  CHECK(u.on_datagram(beat("coordinator-1", 3, 10), start + 601ms));
  u.set_view(cluster_view(10), {"container-1", {1}}, start + 700ms);
  CHECK_FALSE(u.on_datagram(beat("coordinator-1", 4, 10), start + 2s));
}

TEST_CASE("heartbeat: a stranger is not watched, but may know a newer view") {
  auto u = unit_of("container-1");
  CHECK(u.on_datagram(beat("container-7", 1, 8), start));
  CHECK(u.counters().strangers == 1);
}

TEST_CASE("heartbeat: a node that was stopped as a whole does not look hung when it wakes") {
  auto u = unit_of("proxy-1");
  const auto age_sent = [&](instant now, duration age) {
    const auto sent = u.on_tick(now, age).send;
    return unseal(sent.at(0).bytes, key)->probe_age;
  };
  (void)age_sent(start, {});
  (void)age_sent(start + 50ms, 10ms);
  CHECK(age_sent(start + 100ms, 60ms) == 60ms);
  CHECK(age_sent(start + 10s, 10s) == 0ms);
  CHECK(age_sent(start + 10050ms, 10050ms) == 50ms);
  CHECK(age_sent(start + 10s + 100ms, 20ms) == 20ms);
}

TEST_CASE("heartbeat: the age of the probe travels, and a hung peer is suspected") {
  auto u = unit_of("container-1");
  for (std::uint64_t i = 1; i <= 5; ++i) {
    const auto now = start + static_cast<int>(i) * 50ms;
    (void)u.on_datagram(seal({{"container-2", {1}}, i, {7}, 300ms, {}}, key), now);
    (void)u.on_tick(now, {});
  }
  CHECK(u.detector().suspects({"container-2", {1}}));
}
