#include "protocol/cluster/placement.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

node_id container(int n) {
  return {"container-" + std::to_string(n), {1}};
}

std::vector<candidate> containers(int n) {
  std::vector<candidate> found;
  for (int i = 1; i <= n; ++i) found.push_back({container(i), 1});
  return found;
}

std::vector<shard_entry> assigned(std::uint16_t shards, const std::vector<candidate>& among,
                                  std::uint16_t replicas) {
  std::vector<shard_entry> table(shards);
  std::vector<shard_id> all;
  for (std::uint16_t i = 0; i < shards; ++i) all.push_back({i});
  assign_empty(table, all, among, replicas, {});
  return table;
}

std::set<shard_id> all_of(const std::vector<shard_entry>& table) {
  std::set<shard_id> all;
  for (std::uint16_t i = 0; i < table.size(); ++i) all.insert({i});
  return all;
}

void carry_out(std::vector<shard_entry>& table, const shard_move& m) {
  auto& e = table[m.shard.value];
  if (m.ownership) {
    const auto had = std::erase_if(e.replicas, [&](const replica& r) { return r.node == m.to; });
    if (had > 0) e.replicas.push_back({m.from, true});
    e.owner = m.to;
  } else {
    std::erase_if(e.replicas, [&](const replica& r) { return r.node == m.from; });
    e.replicas.push_back({m.to, true});
  }
}

// Moves until nothing is left to do; returns how many it took.
int even_out(std::vector<shard_entry>& table, const std::vector<candidate>& among) {
  for (int moves = 0; moves < 5'000; ++moves) {
    const auto load = load_table::of(table);
    auto m = next_owner_move(load, table, all_of(table), among);
    if (!m) m = next_replica_move(load, table, all_of(table), among);
    if (!m) return moves;
    carry_out(table, *m);
  }
  return -1;
}

} // namespace

TEST_CASE("placement: shards, replicas and pairs are even from the start [design, Shards]") {
  struct row {
    std::uint16_t shards;
    int containers;
    std::uint16_t replicas;
  };
  const row rows[] = {{256, 2, 1}, {256, 3, 1}, {256, 4, 1}, {256, 5, 1}, {256, 8, 1},
                      {64, 4, 2},  {256, 5, 2}, {7, 3, 1},   {256, 1, 1}, {256, 3, 5}};
  for (const auto& r : rows) {
    CAPTURE(r.containers);
    CAPTURE(r.replicas);
    const auto table = assigned(r.shards, containers(r.containers), r.replicas);
    const auto load = load_table::of(table);
    const auto n = static_cast<std::uint32_t>(r.containers);
    const auto copies = std::min<std::uint32_t>(r.replicas, n - 1);
    for (const auto& a : containers(r.containers)) {
      CHECK(load.owned_by(a.node) >= r.shards / n);
      CHECK(load.owned_by(a.node) <= r.shards / n + 1);
      const auto share = n == 1 ? 0 : r.shards / n * copies / (n - 1);
      for (const auto& b : containers(r.containers)) {
        if (a.node == b.node) continue;
        CHECK(load.pair(a.node, b.node) + 1 >= share);
        CHECK(load.pair(a.node, b.node) <= share + 2);
      }
    }
    for (const auto& e : table) {
      CHECK(e.epoch.value == 1);
      CHECK(e.replicas.size() == copies);
      for (const auto& x : e.replicas) CHECK(x.in_sync);
    }
  }
}

TEST_CASE("placement: weights count") {
  auto among = containers(3);
  among[2].weight = 2;
  const auto load = load_table::of(assigned(256, among, 1));
  CHECK(load.owned_by(container(1)) == 64);
  CHECK(load.owned_by(container(3)) == 128);
}

TEST_CASE("placement: an emptied shard starts above its epoch, and above the floor") {
  auto table = assigned(4, containers(2), 1);
  table[0].epoch = {7};
  assign_empty(table, {{0}, {1}}, containers(2), 1, {5});
  CHECK(table[0].epoch.value == 8);
  CHECK(table[1].epoch.value == 6);
  CHECK(table[2].epoch.value == 1);
  CHECK(table[0].previous_fence == fence::none);
}

TEST_CASE("placement: a replica that was filling has to be emptied first") {
  auto table = assigned(1, containers(2), 1);
  table[0].replicas = {{container(2), false}};
  assign_empty(table, {{0}}, {{container(2), 1}, {container(3), 1}}, 1, {});
  REQUIRE(table[0].replicas.size() == 1);
  const auto& r = table[0].replicas[0];
  CHECK(r.in_sync == (r.node != container(2)));
}

TEST_CASE("placement: only a living replica in sync is promoted, the least loaded [Failure 3]") {
  shard_entry e;
  e.owner = container(1);
  e.replicas = {{container(2), false}, {container(3), true}, {container(4), true}};
  load_table load;
  load.owned[container(3)] = 5;
  load.owned[container(4)] = 4;
  const std::set<node_id> all{container(2), container(3), container(4)};
  CHECK(choose_promotion(load, e, all) == container(4));
  CHECK(choose_promotion(load, e, {container(2), container(3)}) == container(3));
  CHECK(choose_promotion(load, e, {container(2)}) == std::nullopt);
  CHECK(choose_promotion(load, e, {{"container-3", {2}}}) == std::nullopt); // another incarnation
}

TEST_CASE("placement: a new replica is neither owner nor replica, and spreads the pairs") {
  shard_entry e;
  e.owner = container(1);
  e.replicas = {{container(2), true}};
  load_table load;
  load.pairs[{container(1), container(3)}] = 2;
  load.pairs[{container(1), container(4)}] = 1;
  load.held[container(4)] = 50;
  CHECK(choose_replica(load, e, containers(4)) == container(4));
  CHECK(choose_replica(load, e, containers(2)) == std::nullopt);
  auto draining = containers(4);
  draining[3].weight = 0;
  CHECK(choose_replica(load, e, draining) == container(3));
}

TEST_CASE("placement: one step after another evens everything out, and then there is none "
          "[design, Growing]") {
  struct row {
    int before, after;
    std::uint16_t replicas;
    std::vector<std::uint32_t> weights;
  };
  const row rows[] = {{3, 4, 1, {}},           {1, 2, 1, {}},
                      {2, 3, 1, {}},           {2, 8, 1, {}},
                      {3, 5, 2, {}},           {4, 5, 1, {1, 2, 3, 1, 5}},
                      {3, 4, 1, {3, 3, 3, 1}}, {5, 6, 2, {7, 1, 1, 2, 2, 4}}};
  for (const auto& r : rows) {
    CAPTURE(r.before);
    CAPTURE(r.after);
    auto among = containers(r.after);
    for (std::size_t i = 0; i < r.weights.size(); ++i) among[i].weight = r.weights[i];
    auto table = assigned(256, {among.begin(), among.begin() + r.before}, r.replicas);
    CHECK(even_out(table, among) >= 0);
    const auto load = load_table::of(table);
    for (const auto& a : among)
      for (const auto& b : among)
        CHECK((load.owned_by(a.node) + 1.0) / a.weight >= load.owned_by(b.node) * 1.0 / b.weight);
  }
}

TEST_CASE("placement: a draining container gives everything away and takes nothing") {
  auto among = containers(4);
  auto table = assigned(64, among, 1);
  among[1].weight = 0;
  // Its own swaps leave it as a replica, so ownership and replicas take turns.
  CHECK(even_out(table, among) >= 0);
  const auto load = load_table::of(table);
  CHECK(load.owned_by(container(2)) == 0);
  CHECK(load.held_by(container(2)) == 0);
}

TEST_CASE("placement: ownership goes first to those who hold no copy: the shard stays protected") {
  const auto among = containers(3);
  auto table = assigned(60, {among[0], among[1]}, 1);
  const auto move = next_owner_move(load_table::of(table), table, all_of(table), among);
  REQUIRE(move);
  CHECK(move->to == container(3));
  CHECK(next_owner_move(load_table::of(table), table, {}, among) == std::nullopt);
}
