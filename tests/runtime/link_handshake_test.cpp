#include "runtime/link_handshake.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using holdfast::runtime::link_handshake;

namespace {

const std::string key = "0123456789abcdef-cluster";
const std::string other_key = "fedcba9876543210-cluster";
const std::string nonce_a(32, 'a');
const std::string nonce_b(32, 'b');

link_handshake dialer(const std::string& name = "proxy-1", const std::string& expected = {},
                      const std::string& secret = key) {
  return link_handshake::dial(secret, name, expected, nonce_a);
}

link_handshake acceptor(const std::string& name = "container-1", const std::string& secret = key,
                        bool admit = true) {
  return link_handshake::accept(secret, name, nonce_b,
                                [admit](const std::string&) { return admit; });
}

// Hands over `bytes` as they would be read; returns what nobody asked for.
std::string give(link_handshake& to, std::string bytes) {
  while (!bytes.empty() && to.wanted() != 0) {
    const auto n = std::min(bytes.size(), to.wanted());
    to.on_bytes(bytes.substr(0, n));
    bytes.erase(0, n);
  }
  return bytes;
}

// Relays both ways until nothing moves.
void talk(link_handshake& a, link_handshake& b) {
  for (int round = 0; round < 6; ++round) {
    CHECK(give(b, a.take_output()).empty());
    CHECK(give(a, b.take_output()).empty());
  }
}

} // namespace

TEST_CASE("handshake: two nodes with one key learn each other's names") {
  auto a = dialer();
  auto b = acceptor();
  talk(a, b);
  CHECK(a.done());
  CHECK(b.done());
  CHECK(a.peer() == "container-1");
  CHECK(b.peer() == "proxy-1");
}

TEST_CASE("handshake: nothing behind it is swallowed, however the bytes come") {
  auto a = dialer();
  auto b = acceptor();
  for (int round = 0; round < 4; ++round) {
    for (const char c : a.take_output()) b.on_bytes({&c, 1});
    CHECK(give(a, b.take_output() + (b.done() ? "BASP" : "")) == (b.done() ? "BASP" : ""));
    if (a.done()) break;
  }
  CHECK(a.done());
  CHECK(a.wanted() == 0);
  CHECK(b.wanted() == 0);
}

TEST_CASE("handshake: another key proves nothing, in either direction") {
  auto a = dialer("proxy-1", {}, other_key);
  auto b = acceptor();
  talk(a, b);
  CHECK(b.failed());
  CHECK_FALSE(a.done());
  CHECK(b.take_output().empty()); // a stranger gets no proof of ours to work with
}

TEST_CASE("handshake: who dialed one node does not accept another") {
  auto a = dialer("proxy-1", "container-2");
  auto b = acceptor("container-1");
  talk(a, b);
  CHECK(a.failed());
  CHECK(a.why() == "the node there is container-1, not container-2");
  CHECK_FALSE(b.done());
}

TEST_CASE("handshake: two nodes of one name refuse each other") {
  auto a = dialer("proxy-1");
  auto b = acceptor("proxy-1");
  talk(a, b);
  CHECK(b.failed());
  CHECK_FALSE(a.done());
}

TEST_CASE("handshake: one's own words sent back are refused") {
  auto a = dialer();
  const auto words = a.take_output();
  give(a, words);
  CHECK(a.failed());
  CHECK(a.take_output().empty());

  auto b = acceptor();
  auto mirrored = words;
  mirrored.replace(5, nonce_b.size(), nonce_b); // a dialer with the acceptor's own nonce
  give(b, mirrored);
  CHECK_FALSE(b.done());
}

TEST_CASE("handshake: the proof of one role is worth nothing in the other") {
  // The attacker accepts a dial of proxy-1 and answers with the dialer's own proof.
  auto a = dialer();
  auto hello = a.take_output();
  hello[4] = 'A';
  hello.replace(5, nonce_b.size(), nonce_b);
  hello.resize(5 + link_handshake::nonce_bytes + link_handshake::likeness_bytes);
  give(a, hello + "\x0b" + "container-1");
  auto proof = a.take_output();
  REQUIRE(proof.size() == 32);
  give(a, "W" + proof);
  CHECK(a.failed());
}

TEST_CASE("handshake: a relay under another name fails") {
  // proxy-1 dials the attacker, who calls itself container-2 and relays to container-1.
  auto a = dialer("proxy-1", "container-2");
  auto b = acceptor("container-1");
  give(b, a.take_output());
  auto answer = b.take_output();
  const auto at = answer.find("container-1");
  REQUIRE(at != std::string::npos);
  answer[at + 10] = '2';
  give(a, answer);
  give(b, a.take_output());
  CHECK(b.failed());
  CHECK_FALSE(a.done());
}

TEST_CASE("handshake: a changed bit anywhere ends it") {
  auto sample_a = dialer();
  auto sample_b = acceptor();
  const auto first = sample_a.take_output();
  give(sample_b, first);
  give(sample_a, sample_b.take_output());
  const auto second = sample_a.take_output();
  for (std::size_t i = 0; i < first.size() + second.size(); ++i) {
    auto b = acceptor();
    auto hello = first;
    auto proof = second;
    auto& byte = i < first.size() ? hello[i] : proof[i - first.size()];
    byte = static_cast<char>(byte ^ 1);
    give(b, hello);
    give(b, proof);
    CAPTURE(i);
    CHECK_FALSE(b.done());
  }
}

TEST_CASE("handshake: a refusal is proved too, and says that dials cross") {
  auto a = dialer();
  auto b = acceptor("container-1", key, false);
  talk(a, b);
  CHECK(b.failed());
  CHECK(a.failed());
  CHECK(a.why() == "container-1 is opening a link with this node itself");
  // Turned into a welcome on the way it does not fit.
  auto c = dialer();
  auto d = acceptor("container-1", key, false);
  give(d, c.take_output());
  give(c, d.take_output());
  give(d, c.take_output());
  auto verdict = d.take_output();
  REQUIRE(verdict.front() == 'C');
  verdict.front() = 'W';
  give(c, verdict);
  CHECK(c.failed());
}

TEST_CASE("handshake: garbage and wrong lengths end it at once") {
  const std::string good_prefix = "HFL2D" + nonce_a + std::string(16, 'l');
  const std::string rows[] = {
      std::string(54, '\0'),
      "GET / HTTP/1.1\r\nHost: holdfast.example\r\n\r\n",
      good_prefix + '\0',
      good_prefix + "\xff",
      good_prefix + "\x41" + std::string(65, 'x'),
      good_prefix + "\x03" + "a b",
  };
  for (const auto& row : rows) {
    auto b = acceptor();
    give(b, row);
    CHECK(b.failed());
    CHECK(b.wanted() == 0);
    CHECK(b.take_output().empty());
  }
  auto b = acceptor();
  b.on_bytes(std::string(1 << 20, 'x')); // more than asked for
  CHECK(b.failed());
}

TEST_CASE("handshake: a key, name or nonce that can not serve is refused at the start") {
  CHECK_THROWS((void)link_handshake::dial("short", "proxy-1", {}, nonce_a));
  CHECK_THROWS((void)link_handshake::dial(key, "", {}, nonce_a));
  CHECK_THROWS((void)link_handshake::dial(key, std::string(65, 'n'), {}, nonce_a));
  CHECK_THROWS((void)link_handshake::dial(key, "proxy-1", {}, "nonce"));
}
