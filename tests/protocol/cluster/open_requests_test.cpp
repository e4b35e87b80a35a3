#include "protocol/cluster/open_requests.hpp"

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

sip_in arriving(bool initial, const std::string& bytes) {
  sip_in in;
  in.may_create = initial;
  in.to.shard = shard_id{initial ? std::uint16_t{0} : std::uint16_t{1}};
  in.key = "call alice";
  in.bytes = bytes;
  return in;
}

std::string request(const std::string& method, const std::string& branch) {
  return method + " sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=" + branch
         + "\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\n"
           "Call-ID: call\r\nCSeq: 1 "
         + method + "\r\nContent-Length: 0\r\n\r\n";
}

void take(open_requests& open, const view& v, const std::string& method, bool initial, instant now,
          const std::string& branch = "z9hG4bKone", const std::string& marked = {},
          transport over = transport::udp) {
  const auto bytes = request(method, branch);
  sip::message_view m;
  REQUIRE_FALSE(m.read(bytes));
  auto message = arriving(initial, marked.empty() ? bytes : marked);
  message.source.over = over;
  open.arrived(m, message, v, now);
}

std::string response(int status, const std::string& branch, const std::string& method = "INVITE") {
  return "SIP/2.0 " + std::to_string(status)
         + " Said\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=" + branch
         + "\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>;tag=b\r\n"
           "Call-ID: call\r\nCSeq: 1 "
         + method + "\r\nContent-Length: 0\r\n\r\n";
}

void say(open_requests& open, const view& v, int status, const std::string& branch = "z9hG4bKone",
         const std::string& method = "INVITE") {
  const auto bytes = response(status, branch, method);
  sip::message_view m;
  REQUIRE_FALSE(m.read(bytes));
  open.answered(m, shard_id{1}, v);
}

// By shard 1, in that epoch.
void went_unheard(open_requests& open, int status, epoch of, const std::string& method = "INVITE") {
  const auto bytes = response(status, "z9hG4bKone", method);
  sip::message_view m;
  REQUIRE_FALSE(m.read(bytes));
  open.unheard(m, shard_id{1}, of);
}

} // namespace

TEST_CASE("open requests: what was answered provisionally is asked for when its owner dies "
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
    open_requests open;
    take(open, all, "INVITE", true, start);
    for (const auto& [status, method] : r.answers) say(open, all, status, "z9hG4bKone", method);
    CHECK(open.orphaned(all, start).empty());
    CHECK(open.orphaned(after, start).empty()); // its heir may speak yet
    CHECK(open.orphaned(after, start + open_requests::patience - 1ms).empty());
    const auto asked = open.orphaned(after, start + open_requests::patience);
    CHECK(asked.size() == r.asked);
    if (!asked.empty()) CHECK_FALSE(asked.front().may_create); // nobody places it a second time
    CHECK(open.orphaned(after, start + 1min).empty());         // once
  }
}

TEST_CASE("open requests: a shard that moves takes them along") {
  const auto all = with_containers({"container-1", "container-2", "container-3"});
  auto moved = all;
  moved.shards[1].owner = {"container-3", incarnation{1}};
  auto old_owner_gone = with_containers({"container-2", "container-3"});
  old_owner_gone.shards[1].owner = {"container-3", incarnation{1}};
  auto new_owner_gone = with_containers({"container-2"});
  new_owner_gone.shards[1].owner = {"container-2", incarnation{1}};

  open_requests open;
  take(open, all, "INVITE", true, start);
  say(open, all, 180);
  CHECK(open.orphaned(moved, start).empty());
  CHECK(open.orphaned(old_owner_gone, start).empty());
  CHECK(open.orphaned(new_owner_gone, start).empty());
  CHECK(open.orphaned(new_owner_gone, start + open_requests::patience).size() == 1);
}

TEST_CASE("open requests: inside a dialog they go to the new owner at once, and to its heir "
          "[RFC 3261 17.1.2.2]") {
  const auto all = with_containers({"container-1", "container-2", "container-3"});
  auto undecided = with_containers({"container-2", "container-3"});
  auto first_heir = undecided;
  first_heir.shards[1].owner = {"container-2", incarnation{1}};
  auto second_heir = with_containers({"container-3"});
  second_heir.shards[1].owner = {"container-3", incarnation{1}};

  for (const auto* method : {"INVITE", "INFO", "BYE"}) {
    CAPTURE(method);
    open_requests open;
    take(open, all, method, false, start);
    CHECK(open.orphaned(all, start).empty());
    CHECK(open.orphaned(undecided, start).empty());
    CHECK(open.orphaned(first_heir, start).size() == 1);
    CHECK(open.orphaned(first_heir, start).empty());
    CHECK(open.orphaned(second_heir, start).size() == 1);
    say(open, second_heir, 200, "z9hG4bKone", method);
    CHECK(open.empty());
  }
}

TEST_CASE("open requests: a final response that was fenced is asked for once there is a new owner "
          "[architecture, fence d]") {
  auto before = with_containers({"container-1", "container-2", "container-3"});
  before.shards[1].epoch = epoch{4};
  auto moved = before;
  moved.shards[1].owner = {"container-3", incarnation{1}};
  moved.shards[1].epoch = epoch{5};
  auto moved_again = before;
  moved_again.shards[1].owner = {"container-2", incarnation{1}};
  moved_again.shards[1].epoch = epoch{6};

  struct row {
    const char* method;
    bool initial;
    transport over;
    bool may_create; // when it is asked for
  };
  const row rows[] = {{"INVITE", true, transport::udp, false},
                      {"INFO", false, transport::udp, false},
                      {"REGISTER", true, transport::tcp, true}};
  for (const auto& r : rows) {
    CAPTURE(r.method);
    open_requests open;
    take(open, before, r.method, r.initial, start, "z9hG4bKone", {}, r.over);
    went_unheard(open, 180, epoch{4}, r.method);
    CHECK(open.orphaned(moved, start).empty()); // who waits for the final one will have it
    went_unheard(open, 503, epoch{4}, r.method);
    CHECK(open.orphaned(before, start).empty()); // heard of the new owner, not yet of which
    const auto asked = open.orphaned(moved, start);
    REQUIRE(asked.size() == 1);
    CHECK(asked.front().may_create == r.may_create);
    CHECK(open.orphaned(moved, start + 1min).empty()); // once
    went_unheard(open, 503, epoch{5}, r.method);       // and its owner came too late as well
    CHECK(open.orphaned(moved, start).empty());
    CHECK(open.orphaned(moved_again, start).size() == 1);
    say(open, moved_again, 503, "z9hG4bKone", r.method);
    CHECK(open.empty());
  }
}

TEST_CASE("open requests: what nobody waits for, or the client repeats anyway, is not kept") {
  const auto all = with_containers({"container-1"});
  open_requests open;
  take(open, all, "ACK", false, start);
  take(open, all, "CANCEL", false, start);
  take(open, all, "REGISTER", true, start);
  CHECK(open.empty());
}

TEST_CASE(
    "open requests: a copy changes nothing, a stranger's response neither, and all is bounded") {
  const auto all = with_containers({"container-1", "container-2"});
  auto after = with_containers({"container-2"});
  after.shards[1].owner = {"container-2", incarnation{1}};
  open_requests open;
  take(open, all, "INFO", false, start, "z9hG4bKone", "the first");
  take(open, all, "INFO", false, start + 1s, "z9hG4bKone", "the copy");
  say(open, all, 486, "z9hG4bKother");
  REQUIRE(open.size() == 1);
  CHECK(open.orphaned(after, start + 1s).front().bytes == "the first");
  for (std::size_t i = 0; i < open_requests::requests_max + 5; ++i)
    take(open, all, "INVITE", true, start + 2s, "z9hG4bK" + std::to_string(i));
  CHECK(open.size() == open_requests::requests_max);
  say(open, all, 180, "z9hG4bK7");
  open.expire(start + open_requests::other_kept_for); // only the first
  CHECK(open.size() == open_requests::requests_max - 1);
  open.expire(start + open_requests::other_kept_for + 10s); // all but the one that rings
  CHECK(open.size() == 1);
  open.expire(start + open_requests::invite_kept_for + 20s);
  CHECK(open.empty());
}
