#include "protocol/cluster/inspection.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using namespace holdfast::cluster;

TEST_CASE("inspection: a large picture travels in bounded parts and comes together again") {
  picture whole;
  whole.node = "container-1";
  whole.sessions_fitting = 5'000;
  for (std::uint64_t i = 1; i <= 700; ++i) {
    actor_row a;
    a.id = i;
    whole.actors.push_back(a);
    session_row s;
    s.where.session = session_id{i};
    whole.sessions.push_back(s);
  }
  for (int i = 0; i < 3; ++i) whole.details.emplace_back();
  for (int i = 0; i < 10; ++i) whole.graveyard.emplace_back();
  const auto parts = in_parts(whole);
  CHECK(parts.size() > 5);
  picture together;
  for (const auto& p : parts) {
    CHECK(p.actors.size() + p.sessions.size() <= rows_per_part);
    auto carried = decode<inspect_reply>(encode(inspect_reply{1, false, p}));
    REQUIRE(carried);
    add_part(together, std::move(carried->part));
  }
  CHECK(together.node == "container-1");
  CHECK(together.sessions_fitting == 5'000);
  REQUIRE(together.actors.size() == 700);
  CHECK(together.actors.back().id == 700);
  CHECK(together.sessions.size() == 700);
  CHECK(together.details.size() == 3);
  CHECK(together.graveyard.size() == 10);
  CHECK(in_parts({}).size() == 1);
}

TEST_CASE("inspection: sessions are found by Call-ID, caller or callee, whatever the case") {
  session_row row;
  row.caller = "\"Alice\" <sip:alice@example.com>";
  row.callee = "<sip:bob@example.com>";
  row.call_ids = {"A84b@pc33"};
  CHECK(fits(row, ""));
  CHECK(fits(row, "alice"));
  CHECK(fits(row, "bob@"));
  CHECK(fits(row, "a84b"));
  CHECK_FALSE(fits(row, "carol"));
}

TEST_CASE("inspection: the first of an order are kept") {
  std::vector<session_row> rows(5);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].where.session = session_id{i};
    rows[i].alive = duration{static_cast<std::int64_t>(i)};
    rows[i].messages = 10 - i;
  }
  auto newest = rows;
  keep_first(newest, session_order::newest, 2);
  REQUIRE(newest.size() == 2);
  CHECK(newest[0].alive == 0us);
  auto oldest = rows;
  keep_first(oldest, session_order::oldest, 9);
  CHECK(oldest.size() == 5);
  CHECK(oldest[0].alive == 4us);
  keep_first(rows, session_order::messages, 1);
  CHECK(rows[0].messages == 10);
}
