// What a proxy does with every message takes nothing from the heap: reading and judging it, finding
// its session, stamping its Via into a buffer that is there.
#include "protocol/cluster/routing.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "tests/allocations/counted_malloc.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace holdfast;

namespace {

const cluster::token_ring ring{{{1, "0123456789abcdef"}}};
const session_address ours{shard_id{17}, session_id{0xabcdef}};
constexpr std::uint16_t shards = 256;

std::string message(const std::string& start_line, const std::string& from, const std::string& to,
                    const std::string& branch, const std::string& more = "") {
  return start_line + "\r\nVia: SIP/2.0/UDP client.example.com:5070;rport;branch=z9hG4bK" + branch
         + "\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKnext\r\nMax-Forwards: 70\r\n"
           "From: \"Alice in Chains\" <sip:alice@example.com>;tag="
         + from + "\r\nTo: <sip:bob%20b@Example.com:5060>" + (to.empty() ? "" : ";tag=" + to)
         + "\r\nCall-ID: a84b4c76e66710-a84b4c76e66710@client.example.com\r\nCSeq: 1 "
         + start_line.substr(0, start_line.find(' ')) + "\r\n" + more
         + "X-Unknown-And-Long: some value that is folded\r\n and goes on for more than a while\r\n"
           "Contact: <sip:alice@client.example.com:5070;transport=udp>\r\nContent-Length: "
           "0\r\n\r\n";
}

} // namespace

TEST_CASE("allocations: none on the way of a message through a proxy") {
  const auto token = ring.issue(ours);
  auto response = message("SIP/2.0 200 OK", token, "x", token + ".1");
  response.replace(response.find("CSeq: 1 SIP/2.0"), 15, "CSeq: 1 INVITE");
  const std::vector<std::string> messages = {
      message("INVITE sip:bob@example.com SIP/2.0", "1928", "", "a"),
      message("REGISTER sip:example.com SIP/2.0", "1928", "", "b"),
      message("BYE sip:bob@example.com SIP/2.0", "1928", token, "c"),
      message("BYE sip:" + token + "@127.0.0.1 SIP/2.0", "1928", "foreign", "d"),
      message("BYE sip:x@y SIP/2.0", "1928", "foreign", "e",
              "Route: <sip:" + token + "@127.0.0.1;lr>\r\n"),
      response,
  };
  const endpoint client{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 65535};
  std::string key, stamped;
  key.reserve(512);
  stamped.reserve(4096);
  for (const auto& bytes : messages) {
    CAPTURE(bytes);
    const auto before = heap_allocations;
    sip::message_view view;
    const bool read = !view.read(bytes) && !sip::check_message(view);
    auto where = cluster::route_of(view, ring, shards, std::move(key));
    stamped.clear();
    const bool stamp = view.is_request() && sip::append_stamped(view, client, stamped);
    const auto after = heap_allocations;
    CHECK(read);
    CHECK(stamp == view.is_request());
    REQUIRE(where);
    CHECK(after - before == 0);
    if (where->key.capacity() > 100) key = std::move(where->key);
    if (key.capacity() < 512) key.reserve(512);
  }
}

TEST_CASE("allocations: they would be seen") {
  const auto before = heap_allocations;
  const std::string text(100, 'x');
  CHECK(heap_allocations > before);
  CHECK(text.size() == 100);
}
