#include "runtime/name_resolver.hpp"
#include "runtime/udp_socket.hpp"
#include "tests/runtime/waiting.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <poll.h>
#include <string>
#include <vector>

using namespace holdfast;
using namespace holdfast::runtime;

namespace {

void send(udp_socket& from, const endpoint& to, const std::string& bytes) {
  const udp_socket::outgoing_view one[] = {{&to, bytes}};
  from.send(one);
}

struct received {
  endpoint peer;
  std::string bytes;
};

std::vector<received> receive(udp_socket& socket, std::size_t count) {
  std::vector<received> all;
  while (all.size() < count) {
    pollfd readable{socket.descriptor(), POLLIN, 0};
    if (::poll(&readable, 1, 10'000) != 1) break;
    for (const auto& d : socket.receive()) all.push_back({d.peer, std::string{d.bytes}});
  }
  return all;
}

} // namespace

TEST_CASE("udp: datagrams arrive in order with their source, over both families") {
  for (const std::string host : {"127.0.0.1", "::1"}) {
    udp_socket a{{host, 0}, "a test"};
    udp_socket b{{host, 0}, "a test"};
    REQUIRE(b.local().port != 0);
    const endpoint to = b.local();
    std::vector<std::string> texts;
    std::vector<udp_socket::outgoing_view> many;
    for (int i = 0; i < 200; ++i) texts.push_back("datagram " + std::to_string(i));
    for (const auto& text : texts) many.push_back({&to, text});
    a.send(many);
    const auto got = receive(b, texts.size());
    REQUIRE(got.size() == texts.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].bytes == texts[i]);
      CHECK(got[i].peer == a.local());
    }
    CHECK(a.totals().sent == texts.size());
    CHECK(b.totals().received == texts.size());
  }
}

TEST_CASE("udp: an IPv6 wildcard serves IPv4 and shows IPv4 addresses as such") {
  udp_socket both{{"::", 0}, "a test"};
  udp_socket four{{"127.0.0.1", 0}, "a test"};
  send(four, {"127.0.0.1", both.local().port}, "x");
  const auto got = receive(both, 1);
  REQUIRE(got.size() == 1);
  CHECK(got[0].peer == four.local());
  send(both, got[0].peer, "y");
  CHECK(receive(four, 1).size() == 1);
}

TEST_CASE("udp: empty and largest datagrams pass whole") {
  udp_socket a{{"127.0.0.1", 0}, "a test"};
  udp_socket b{{"127.0.0.1", 0}, "a test"};
  send(a, b.local(), "");
  send(a, b.local(), std::string(65'507, 'x'));
  const auto got = receive(b, 2);
  REQUIRE(got.size() == 2);
  CHECK(got[0].bytes.empty());
  CHECK(got[1].bytes.size() == 65'507);
}

TEST_CASE("udp: what can not be sent is counted, and the rest of its batch still goes") {
  udp_socket a{{"127.0.0.1", 0}, "a test"};
  udp_socket b{{"127.0.0.1", 0}, "a test"};
  const endpoint to = b.local();
  const endpoint name{"phone.example", 5060};
  const endpoint six{"::1", 5060};
  const std::string large(65'508, 'x');
  const udp_socket::outgoing_view batch[] = {
      {&to, "first"}, {&name, "x"}, {&six, "x"}, {&to, large}, {&to, "last"}};
  a.send(batch);
  const auto got = receive(b, 2);
  REQUIRE(got.size() == 2);
  CHECK(got[1].bytes == "last");
  CHECK(a.totals().refused == 3);
}

TEST_CASE("udp: a destination where nobody listens does not disturb the socket") {
  udp_socket a{{"127.0.0.1", 0}, "a test"};
  endpoint nobody;
  {
    udp_socket gone{{"127.0.0.1", 0}, "a test"};
    nobody = gone.local();
  }
  for (int i = 0; i < 10; ++i) send(a, nobody, "x");
  send(a, a.local(), "still here");
  CHECK(receive(a, 1).size() == 1);
}

TEST_CASE("udp: an address that is taken, or is no address here, is named with the reason") {
  udp_socket a{{"127.0.0.1", 0}, "a test"};
  CHECK_THROWS_WITH((udp_socket{a.local(), "SIP from outside"}),
                    ("cannot open UDP " + to_string(a.local())
                     + " for SIP from outside: Address already in use (EADDRINUSE)")
                        .c_str());
  CHECK_THROWS_WITH((udp_socket{{"192.0.2.1", 0}, "x"}), doctest::Contains("EADDRNOTAVAIL"));
}

TEST_CASE("names: numeric ones answer at once, others in the resolver's thread, once for many") {
  std::atomic<int> asked{0};
  name_resolver resolver{[&](const std::string& name) {
    ++asked;
    return name == "node.example" ? name_resolver::addresses{"192.0.2.7", "2001:db8::7"}
                                  : name_resolver::addresses{};
  }};
  name_resolver::addresses now;
  for (const std::string numeric : {"127.0.0.1", "::1"}) {
    resolver.resolve(numeric, [&](const auto& found) { now = found; });
    CHECK(now == name_resolver::addresses{numeric});
  }
  CHECK(asked == 0);

  inbox<name_resolver::addresses> answers;
  for (int i = 0; i < 5; ++i)
    resolver.resolve("node.example", [&](const auto& found) { answers.put(found); });
  for (int i = 0; i < 5; ++i)
    CHECK(answers.take() == name_resolver::addresses{"192.0.2.7", "2001:db8::7"});
  CHECK(asked == 1);
  resolver.resolve("other.example", [&](const auto& found) { answers.put(found); });
  CHECK(answers.take() == name_resolver::addresses{});
}

TEST_CASE("names: the system knows localhost") {
  name_resolver resolver;
  inbox<name_resolver::addresses> answers;
  resolver.resolve("localhost", [&](const auto& found) { answers.put(found); });
  const auto found = answers.take();
  REQUIRE(found);
  CHECK_FALSE(found->empty());
}
