#include "protocol/cluster/hold_queue.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

const instant start{1h};
const std::set<std::string> both{"container-1", "container-2"};

view view_with_owner(const node_id& owner, std::uint64_t era) {
  view v;
  v.number = {era};
  for (const auto* name : {"container-1", "container-2"}) {
    member m;
    m.card.name = name;
    m.incarnation = {1};
    m.state = member_state::active;
    v.members.push_back(m);
  }
  v.shards.resize(4);
  for (auto& s : v.shards) {
    s.owner = owner;
    s.epoch = {era};
  }
  return v;
}
const auto before = view_with_owner({"container-1", {1}}, 1);
const auto after = view_with_owner({"container-2", {1}}, 2);

sip_in message(std::uint64_t receipt) {
  sip_in m;
  m.receipt = receipt;
  m.to.shard = shard_id{2};
  return m;
}

std::vector<std::uint64_t> receipts(const std::vector<hold_queue::delivery>& deliveries) {
  std::vector<std::uint64_t> numbers;
  for (const auto& d : deliveries) numbers.push_back(d.message.receipt);
  return numbers;
}

} // namespace

TEST_CASE("hold: what was not handled goes to the next owner, in order [design, Links]") {
  hold_queue q{2s};
  for (std::uint64_t n = 1; n <= 4; ++n) REQUIRE(q.add(message(n), start));
  CHECK(receipts(q.deliver_all(before, both)) == std::vector<std::uint64_t>{1, 2, 3, 4});
  CHECK(q.deliver_all(before, both).empty()); // once per owner and epoch
  q.handled({2});
  const auto again = q.deliver_all(after, both);
  CHECK(receipts(again) == std::vector<std::uint64_t>{1, 3, 4});
  CHECK(again.front().node == "container-2");
}

TEST_CASE(
    "hold: a message waits while its owner is dead or has no link, and is answered at the end") {
  hold_queue q{2s};
  REQUIRE(q.add(message(1), start));
  CHECK_FALSE(q.deliver(1, before, {"container-2"}));
  auto dead = before;
  dead.members.front().state = member_state::down;
  CHECK_FALSE(q.deliver(1, dead, both));
  CHECK(q.expire(start + 1999ms).empty());
  const auto expired = q.expire(start + 2s);
  REQUIRE(expired.size() == 1);
  CHECK_FALSE(expired.front().delivered);
  CHECK(q.size() == 0);
}

TEST_CASE("hold: what an owner has is not answered by the proxy") {
  hold_queue q{2s};
  REQUIRE(q.add(message(1), start));
  REQUIRE(q.deliver(1, before, both));
  const auto expired = q.expire(start + 2s);
  REQUIRE(expired.size() == 1);
  CHECK(expired.front().delivered);
}

TEST_CASE("hold: a request is refused with all its copies, or with none [RFC 3261 17.2.1]") {
  const auto copy = [](std::uint64_t receipt) {
    auto m = message(receipt);
    m.bytes = "INVITE, repeated";
    return m;
  };
  hold_queue refused{2s};
  REQUIRE(refused.add(copy(1), start));
  REQUIRE(refused.add(message(2), start + 1s));
  REQUIRE(refused.add(copy(3), start + 1s)); // might find an owner after the 500
  CHECK(refused.expire(start + 2s).size() == 1);
  CHECK(refused.size() == 1);

  hold_queue taken{2s};
  REQUIRE(taken.add(copy(1), start));
  REQUIRE(taken.add(copy(2), start + 1s));
  REQUIRE(taken.deliver(2, before, both));
  const auto expired = taken.expire(start + 2s);
  REQUIRE(expired.size() == 1);
  CHECK(expired.front().delivered); // the owner answers
  CHECK(taken.size() == 1);
}

TEST_CASE("hold: a broken link makes its messages due again") {
  hold_queue q{2s};
  REQUIRE(q.add(message(1), start));
  REQUIRE(q.deliver(1, before, both));
  q.link_lost("container-1");
  CHECK(q.deliver(1, before, both));
}

TEST_CASE("hold: is bounded") {
  hold_queue q{2s};
  for (std::uint64_t n = 1; n <= hold_queue::messages_max; ++n) REQUIRE(q.add(message(n), start));
  CHECK_FALSE(q.add(message(hold_queue::messages_max + 1), start));
}
