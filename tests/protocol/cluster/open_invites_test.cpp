#include "protocol/cluster/open_invites.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

constexpr auto start = instant{} + 1h;

view with_containers(std::initializer_list<const char*> alive) {
  view v;
  v.number.value = 1;
  for (const auto* name : {"container-1", "container-2", "container-3"}) {
    member m;
    m.card.name = name;
    m.incarnation.value = 1;
    m.state = member_state::down;
    for (const auto* a : alive)
      if (std::string{a} == name) m.state = member_state::active;
    v.members.push_back(m);
  }
  v.shards.resize(2);
  for (auto& s : v.shards) s.owner = {"container-1", incarnation{1}};
  return v;
}

sip_in invite(const std::string& bytes) {
  sip_in in;
  in.may_create = true;
  in.key = "call alice";
  in.bytes = bytes;
  return in;
}

std::string response(int status, const std::string& branch, const std::string& method = "INVITE") {
  return "SIP/2.0 " + std::to_string(status)
         + " Said\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=" + branch
         + "\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>;tag=b\r\n"
           "Call-ID: call\r\nCSeq: 1 "
         + method + "\r\nContent-Length: 0\r\n\r\n";
}

void say(open_invites& open, const view& v, int status, const std::string& branch = "z9hG4bKone",
         const std::string& method = "INVITE") {
  const auto bytes = response(status, branch, method);
  sip::message_view m;
  REQUIRE_FALSE(m.read(bytes));
  open.answered(m, shard_id{1}, v);
}

} // namespace

TEST_CASE("open invites: what was answered provisionally is asked for when its owner dies "
          "[RFC 3261 16.9]") {
  const auto all = with_containers({"container-1", "container-2", "container-3"});
  auto after = with_containers({"container-2", "container-3"});
  after.shards[1].owner = {"container-2", incarnation{1}};

  struct row {
    const char* what;
    std::vector<std::pair<int, const char*>> answers; // status, and of which method
    std::size_t asked;
  };
  const row rows[] = {
      {"nothing was said: the client repeats it by itself", {}, 0},
      {"100", {{100, "INVITE"}}, 1},
      {"100 and 180", {{100, "INVITE"}, {180, "INVITE"}}, 1},
      {"a final response", {{100, "INVITE"}, {200, "INVITE"}}, 0},
      {"a refusal", {{100, "INVITE"}, {486, "INVITE"}}, 0},
      {"a CANCEL was answered, the INVITE was not", {{100, "INVITE"}, {200, "CANCEL"}}, 1},
  };
  for (const auto& r : rows) {
    CAPTURE(r.what);
    open_invites open;
    open.arrived("z9hG4bKone", invite("INVITE"), start);
    for (const auto& [status, method] : r.answers) say(open, all, status, "z9hG4bKone", method);
    CHECK(open.orphaned(all, start).empty());
    CHECK(open.orphaned(after, start).empty()); // its heir may speak yet
    CHECK(open.orphaned(after, start + open_invites::patience - 1ms).empty());
    const auto asked = open.orphaned(after, start + open_invites::patience);
    CHECK(asked.size() == r.asked);
    if (!asked.empty()) CHECK_FALSE(asked.front().may_create); // nobody places it a second time
    CHECK(open.orphaned(after, start + 1min).empty());         // once
  }
}

TEST_CASE("open invites: a shard that moves takes them along") {
  const auto all = with_containers({"container-1", "container-2", "container-3"});
  auto moved = all;
  moved.shards[1].owner = {"container-3", incarnation{1}};
  auto old_owner_gone = with_containers({"container-2", "container-3"});
  old_owner_gone.shards[1].owner = {"container-3", incarnation{1}};
  auto new_owner_gone = with_containers({"container-2"});
  new_owner_gone.shards[1].owner = {"container-2", incarnation{1}};

  open_invites open;
  open.arrived("z9hG4bKone", invite("INVITE"), start);
  say(open, all, 180);
  CHECK(open.orphaned(moved, start).empty());
  CHECK(open.orphaned(old_owner_gone, start).empty());
  CHECK(open.orphaned(new_owner_gone, start).empty());
  CHECK(open.orphaned(new_owner_gone, start + open_invites::patience).size() == 1);
}

TEST_CASE(
    "open invites: a copy changes nothing, a stranger's response neither, and all is bounded") {
  const auto all = with_containers({"container-1", "container-2"});
  open_invites open;
  open.arrived("z9hG4bKone", invite("the first"), start);
  open.arrived("z9hG4bKone", invite("the copy"), start + 1s);
  say(open, all, 100);
  say(open, all, 486, "z9hG4bKother");
  CHECK(open.size() == 1);
  for (std::size_t i = 0; i < open_invites::invites_max + 5; ++i)
    open.arrived("z9hG4bK" + std::to_string(i), invite("x"), start + 2s);
  CHECK(open.size() == open_invites::invites_max);
  open.expire(start + open_invites::kept_for + 1s); // of the first second only the first
  CHECK(open.size() == open_invites::invites_max - 1);
  open.expire(start + open_invites::kept_for + 20s);
  CHECK(open.empty());
}
