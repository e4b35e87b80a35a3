#include "protocol/cluster/lease.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {
constexpr duration lease = 150ms;
const instant start{1h};
} // namespace

TEST_CASE("lease: runs from sending, not from the ack [fence b]") {
  lease_holder holder{lease};
  const auto tick = holder.next_tick("r", start);
  CHECK_FALSE(holder.holds("r", start));
  holder.acked("r", tick); // arrives whenever
  CHECK(holder.holds("r", start + 149ms));
  CHECK_FALSE(holder.holds("r", start + 150ms));
}

TEST_CASE("lease: an ack for something never sent grants nothing") {
  lease_holder holder{lease};
  holder.acked("r", 1);
  (void)holder.next_tick("r", start);
  holder.acked("r", 77);
  CHECK_FALSE(holder.holds("r", start));
  CHECK_FALSE(holder.holds("other", start));
}

TEST_CASE("lease: what an older link was granted is void on a new one") {
  lease_holder holder{lease};
  holder.acked("r", holder.next_tick("r", start));
  holder.forget("r");
  CHECK_FALSE(holder.holds("r", start));
}

TEST_CASE("lease: who lost a shard gets no ack until it knows the view that took it") {
  lease_granter granter{lease};
  CHECK(granter.on_keepalive("o", {1, {4}}, {5}, start));
  granter.require_view("o", {5});
  CHECK_FALSE(granter.on_keepalive("o", {2, {4}}, {5}, start + 10ms));
  CHECK(granter.silent_from("o") == start + lease);
  CHECK(granter.on_keepalive("o", {3, {5}}, {5}, start + 20ms));
}

TEST_CASE("lease: when the replica may speak, the owner no longer does, however slow the wire") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    std::mt19937_64 random{seed};
    lease_holder owner{lease};
    lease_granter replica{lease};
    std::multimap<instant, std::uint64_t> to_replica;
    std::multimap<instant, std::uint64_t> to_owner;
    const auto promoted = start + duration{random() % 400'000};
    for (auto now = start; now < promoted + 1s; now += 1ms) {
      if (now == promoted + duration{(1000 - promoted.time_since_epoch().count() % 1000) % 1000})
        replica.require_view("o", {2});
      if (random() % 30 == 0)
        to_replica.emplace(now + duration{random() % 300'000}, owner.next_tick("r", now));
      while (!to_replica.empty() && to_replica.begin()->first <= now) {
        const keepalive k{to_replica.begin()->second, {1}};
        to_replica.erase(to_replica.begin());
        if (const auto ack = replica.on_keepalive("o", k, {2}, now))
          to_owner.emplace(now + duration{random() % 300'000}, ack->tick);
      }
      while (!to_owner.empty() && to_owner.begin()->first <= now) {
        owner.acked("r", to_owner.begin()->second);
        to_owner.erase(to_owner.begin());
      }
      const bool replica_speaks = now > promoted + 1ms && now >= replica.silent_from("o");
      if (replica_speaks) CHECK_FALSE(owner.holds("r", now));
    }
  }
}
