#include "protocol/core/codec.hpp"
#include "protocol/core/identifiers.hpp"

#include <doctest/doctest.h>

using namespace holdfast;

namespace {

struct inner {
  shard_id shard;
  std::string text;
  friend bool operator==(const inner&, const inner&) = default;
};
template <class F>
void describe(F& f, inner& x) {
  f(1, x.shard);
  f(2, x.text);
}

struct outer {
  std::int32_t number = 0;
  std::vector<inner> list;
  std::optional<std::uint64_t> maybe;
  std::map<std::string, std::uint32_t> table;
  duration left{};
  unknown_fields unknown;
  friend bool operator==(const outer&, const outer&) = default;
};
template <class F>
void describe(F& f, outer& x) {
  f(1, x.number);
  f(2, x.list);
  f(3, x.maybe);
  f(4, x.table);
  f(5, x.left);
  f(x.unknown);
}

// The same type one version later.
struct outer_next {
  std::int32_t number = 0;
  std::string added;
};
template <class F>
void describe(F& f, outer_next& x) {
  f(1, x.number);
  f(9, x.added);
}

const outer sample{
    -7, {{shard_id{3}, "three"}, {shard_id{400}, ""}}, 12, {{"a", 1}, {"b", 2}}, -5ms, {}};

} // namespace

TEST_CASE("codec: what was encoded is decoded") {
  CHECK(decode<outer>(encode(sample)).value() == sample);
  CHECK(decode<outer>("").value() == outer{});
}

TEST_CASE("codec: fields of a newer version survive a round trip through an older one") {
  const auto newer = encode(outer_next{5, "kept"});
  const auto older = decode<outer>(newer);
  REQUIRE(older);
  CHECK(older->number == 5);
  CHECK(decode<outer_next>(encode(*older))->added == "kept");
}

TEST_CASE("codec: every truncation is an error or a shorter valid message, never a crash") {
  const auto bytes = encode(sample);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto got = decode<outer>(std::string_view{bytes}.substr(0, n));
    if (got) CHECK(*got != sample);
  }
}

TEST_CASE("codec: a field of the wrong kind or out of range is an error") {
  std::string wrong_kind;
  codec::put_varint(wrong_kind, 1 * 2 + 1);
  codec::put_varint(wrong_kind, 0);
  CHECK_FALSE(decode<outer>(wrong_kind));

  std::string out_of_range;
  codec::put_varint(out_of_range, 1 * 2);
  codec::put_varint(out_of_range, std::uint64_t{1} << 40);
  CHECK_FALSE(decode<outer>(out_of_range));

  std::string too_long;
  codec::put_varint(too_long, 2 * 2 + 1);
  codec::put_varint(too_long, std::uint64_t{1} << 60);
  CHECK_FALSE(decode<outer>(too_long));
}

TEST_CASE("codec: what is nested is written in place, however long its length is") {
  for (const std::size_t size :
       {0U, 1U, 121U, 122U, 123U, 127U, 128U, 300U, 16'380U, 16'384U, 70'000U}) {
    CAPTURE(size);
    outer x = sample;
    x.list.push_back({shard_id{9}, std::string(size, 'x')});
    x.list.push_back({shard_id{10}, "behind it"});
    x.table["key"] = 77;
    CHECK(decode<outer>(encode(x)).value() == x);
  }
  // field 2, kind 1, length 4, then field 1 = 3 and field 2 of no bytes
  outer one;
  one.list.push_back({shard_id{3}, ""});
  CHECK(encode(one).substr(2, 6) == std::string_view{"\x05\x04\x02\x03\x05\x00", 6});
}
