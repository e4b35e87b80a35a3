#include "runtime/link_exchange.hpp"
#include "runtime/random_bytes.hpp"
#include "runtime/socket_address.hpp"
#include "tests/runtime/waiting.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <vector>

using namespace holdfast;
using namespace holdfast::runtime;

namespace {

const std::string key = "0123456789abcdef-cluster";
const endpoint anywhere{"127.0.0.1", 0};

// A node's exchange with inboxes for what comes of it. Never moved: callbacks point into it.
struct node {
  explicit node(const std::string& name, const std::string& secret = key, bool accepting = true)
      : exchange{anywhere, name, {secret}} {
    if (accepting) exchange.accept([this](link_exchange::link l) { accepted.put(std::move(l)); });
  }
  ~node() { exchange.stop(); }
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  void dial(const node& other, const std::string& expected = {}) {
    exchange.dial(expected, other.exchange.local(),
                  [this](result<link_exchange::link> r) { dialed.put(std::move(r)); });
  }

  inbox<link_exchange::link> accepted;
  inbox<result<link_exchange::link>> dialed;
  link_exchange exchange;
};

file_descriptor connect_plainly(const endpoint& to) {
  const auto address = numeric_address(to).value();
  file_descriptor fd{::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
  REQUIRE(::connect(fd.get(), address.get(), address.length) == 0);
  return fd;
}

void say(const file_descriptor& fd, const std::string& bytes) {
  CHECK(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL)
        == static_cast<ssize_t>(bytes.size()));
}

// The other end closed, or reset; what it said before is dropped.
bool closed(const file_descriptor& fd) {
  std::array<char, 256> buffer{};
  for (;;) {
    pollfd readable{fd.get(), POLLIN, 0};
    if (::poll(&readable, 1, 10'000) <= 0) return false;
    if (::recv(fd.get(), buffer.data(), buffer.size(), 0) <= 0) return true;
  }
}

} // namespace

TEST_CASE("links: a dial ends in one connection that both ends can name") {
  node a{"proxy-1"};
  node b{"container-1"};
  a.dial(b);
  auto dialed = a.dialed.take();
  auto accepted = b.accepted.take();
  REQUIRE((dialed && dialed->has_value()));
  REQUIRE(accepted);
  CHECK((*dialed)->peer == "container-1");
  CHECK(accepted->peer == "proxy-1");
  say((*dialed)->connection, "BASP");
  std::array<char, 16> buffer{};
  pollfd readable{accepted->connection.get(), POLLIN, 0};
  REQUIRE(::poll(&readable, 1, 10'000) == 1);
  CHECK(::recv(accepted->connection.get(), buffer.data(), buffer.size(), 0) == 4);
  CHECK(a.exchange.totals().dialed == 1);
  CHECK(b.exchange.totals().accepted == 1);
}

TEST_CASE("links: with another key, another name or nobody there a dial fails and says why") {
  node a{"proxy-1"};
  node stranger{"container-1", "fedcba9876543210-cluster"};
  a.dial(stranger);
  auto failed = a.dialed.take();
  REQUIRE((failed && !failed->has_value()));
  CHECK(failed->error().what.find("another cluster key?") != std::string::npos);
  CHECK(eventually([&] { return stranger.exchange.totals().refused == 1; }));

  node b{"container-1"};
  a.dial(b, "container-2");
  failed = a.dialed.take();
  REQUIRE((failed && !failed->has_value()));
  CHECK(failed->error().what == "the node there is container-1, not container-2");

  endpoint nobody = b.exchange.local();
  b.exchange.stop();
  {
    node gone{"container-3"};
    nobody = gone.exchange.local();
  }
  a.exchange.dial({}, nobody, [&](result<link_exchange::link> r) { a.dialed.put(std::move(r)); });
  failed = a.dialed.take();
  REQUIRE((failed && !failed->has_value()));
  CHECK(failed->error().what.find("Connection refused (ECONNREFUSED)") != std::string::npos);
}

TEST_CASE("links: a node that answers nothing costs half a second, not more") {
  node a{"proxy-1"};
  node mute{"container-1", key, false}; // the kernel accepts, nobody reads
  const auto start = std::chrono::steady_clock::now();
  a.dial(mute);
  const auto failed = a.dialed.take();
  REQUIRE((failed && !failed->has_value()));
  CHECK(std::chrono::steady_clock::now() - start >= link_exchange::handshake_time_out);
}

TEST_CASE("links: garbage, silence and huge lengths are dropped while good peers get through") {
  node b{"container-1"};
  const std::string hello = "HFL2D" + std::string(32, 'n') + std::string(16, 'l');
  std::vector<file_descriptor> attackers;
  for (int i = 0; i < 10; ++i) {
    attackers.push_back(connect_plainly(b.exchange.local())); // says nothing
    attackers.push_back(connect_plainly(b.exchange.local()));
    say(attackers.back(), std::string(64, '\xff'));
    attackers.push_back(connect_plainly(b.exchange.local()));
    say(attackers.back(), hello + "\xff" + std::string(100, 'x'));
    attackers.push_back(connect_plainly(b.exchange.local()));
    say(attackers.back(), hello.substr(0, 20)); // and no more
    attackers.push_back(connect_plainly(b.exchange.local()));
    say(attackers.back(), hello + "\x07proxy-9" + std::string(32, 'p')); // no such proof
  }
  node a{"proxy-1"};
  a.dial(b, "container-1");
  const auto dialed = a.dialed.take();
  REQUIRE((dialed && dialed->has_value()));
  const auto accepted = b.accepted.take();
  REQUIRE(accepted);
  CHECK(accepted->peer == "proxy-1");
  for (const auto& fd : attackers) CHECK(closed(fd));
  CHECK(b.exchange.totals().accepted == 1);
  CHECK(eventually([&] { return b.exchange.totals().refused == attackers.size(); }));
}

TEST_CASE("links: more silent connections than are allowed push out the oldest") {
  node b{"container-1"};
  std::vector<file_descriptor> silent;
  for (std::size_t i = 0; i < 3 * link_exchange::incoming_max; ++i)
    silent.push_back(connect_plainly(b.exchange.local()));
  node a{"proxy-1"};
  a.dial(b);
  const auto dialed = a.dialed.take();
  REQUIRE((dialed && dialed->has_value()));
  CHECK(b.exchange.totals().open_handshakes <= link_exchange::incoming_max + 1);
}

TEST_CASE("links: an attacker that mirrors every byte is refused") {
  node b{"container-1"};
  // As a dialer: sends back what the acceptor says.
  const auto mirror = connect_plainly(b.exchange.local());
  say(mirror, "HFL2D" + random_bytes(48) + "\x07proxy-1");
  std::array<char, 256> buffer{};
  const auto got = ::recv(mirror.get(), buffer.data(), buffer.size(), 0);
  REQUIRE(got > 0);
  say(mirror, {buffer.data(), static_cast<std::size_t>(got)});
  CHECK(closed(mirror));
  // As an acceptor that is the victim itself: two nodes of one name.
  b.dial(b);
  const auto self = b.dialed.take();
  REQUIRE((self && !self->has_value()));
  CHECK(b.exchange.totals().accepted == 0);
}

TEST_CASE("links: dials that cross leave one connection, and both ends agree on it") {
  for (int round = 0; round < 20; ++round) {
    node a{"container-1"};
    node b{"container-2"};
    a.dial(b, "container-2");
    b.dial(a, "container-1");
    auto from_a = a.dialed.take();
    auto from_b = b.dialed.take();
    REQUIRE(from_a);
    REQUIRE(from_b);
    CHECK((from_a->has_value() ? 1 : 0) + (from_b->has_value() ? 1 : 0) == 1);
    auto& acceptor = from_a->has_value() ? b : a;
    CHECK(acceptor.accepted.take());
    CHECK(a.exchange.totals().accepted + b.exchange.totals().accepted == 1);
  }
}

TEST_CASE("links: an address, key or name that can not serve is refused in a sentence") {
  node a{"proxy-1"};
  CHECK_THROWS_WITH((link_exchange{a.exchange.local(), "proxy-2", {key}}),
                    doctest::Contains("Address already in use (EADDRINUSE)"));
  CHECK_THROWS_WITH((link_exchange{anywhere, "proxy-2", {"short"}}), doctest::Contains("16 bytes"));
  CHECK_THROWS_WITH((link_exchange{anywhere, "", {key}}), doctest::Contains("name"));
}

TEST_CASE("links: two nodes that CAF could not tell apart are refused with the reason") {
  const auto with = [](const std::string& likeness) {
    return link_exchange::security{key, nullptr, likeness};
  };
  const std::string machine_and_process(16, 'm');
  link_exchange a{anywhere, "proxy-1", with(machine_and_process)};
  link_exchange b{anywhere, "container-1", with(machine_and_process)};
  link_exchange c{anywhere, "container-2", with(std::string(16, 'n'))};
  b.accept([](const link_exchange::link&) {});
  c.accept([](const link_exchange::link&) {});
  inbox<result<link_exchange::link>> dialed;
  a.dial("container-1", b.local(),
         [&](result<link_exchange::link> r) { dialed.put(std::move(r)); });
  const auto refused = dialed.take();
  REQUIRE((refused && !refused->has_value()));
  CHECK(refused->error().what.find("looks to CAF like this very node") != std::string::npos);
  a.dial("container-2", c.local(),
         [&](result<link_exchange::link> r) { dialed.put(std::move(r)); });
  const auto linked = dialed.take();
  REQUIRE(linked);
  CHECK(linked->has_value());
  for (auto* x : {&a, &b, &c}) x->stop();
}
