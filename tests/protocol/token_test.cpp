#include "protocol/cluster/token.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace holdfast;
using cluster::token_key;
using cluster::token_ring;

namespace {
const session_address sample{shard_id{201}, session_id{0x1122334455667788}};
const token_key first{1, "0123456789abcdef"};
const token_key second{2, "fedcba9876543210"};
} // namespace

TEST_CASE("token: carries shard and session in at most 40 characters of a SIP token") {
  const token_ring ring{{first}};
  const auto token = ring.issue(sample);
  CHECK(token.size() == token_ring::token_length);
  CHECK(token.size() <= 40);
  CHECK(token.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567") == std::string::npos);
  CHECK(ring.verify(token) == sample);
  CHECK(ring.verify(token + "-7") == sample);
}

TEST_CASE("token: one changed character is somebody else's tag") {
  const token_ring ring{{first}};
  const auto token = ring.issue(sample);
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto forged = token;
    forged[i] = forged[i] == 'a' ? 'b' : 'a';
    CHECK_FALSE(ring.verify(forged));
  }
  CHECK_FALSE(ring.verify(""));
  CHECK_FALSE(ring.verify(token.substr(1)));
  CHECK_FALSE(ring.verify("1928301774"));
}

TEST_CASE("token: during a rotation both keys verify, afterwards only the new one") {
  const auto old_token = token_ring{{first}}.issue(sample);
  const token_ring rotating{{second, first}};
  CHECK(rotating.verify(old_token) == sample);
  CHECK(rotating.issue(sample) != old_token);
  CHECK_FALSE(token_ring{{second}}.verify(old_token));
}

TEST_CASE("token: what is concealed can be read by the cluster alone, and looks new each time") {
  const token_ring ring{{first}};
  for (const std::size_t size : {0U, 1U, 31U, 32U, 33U, 100U}) {
    const std::string text(size, 'x');
    const auto once = ring.conceal(text, 1);
    CHECK(ring.reveal(once) == text);
    const auto again = ring.conceal(text, 2);
    CHECK(ring.reveal(again) == text);
    CHECK(once.substr(13) != again.substr(13)); // behind key and nonce
    CHECK(token_ring{{second, first}}.reveal(once) == text);
    CHECK_FALSE(token_ring{{second}}.reveal(once));
    for (std::size_t i = 0; i < once.size(); ++i) {
      auto forged = once;
      forged[i] = forged[i] == 'a' ? 'b' : 'a';
      CHECK_FALSE(ring.reveal(forged));
    }
  }
  CHECK_FALSE(ring.reveal(""));
  CHECK_FALSE(ring.reveal(ring.issue(sample)));
}

TEST_CASE("token: a ring refuses what it could not keep apart") {
  CHECK_THROWS(token_ring{{}});
  CHECK_THROWS(token_ring{{first, token_key{1, "fedcba9876543210"}}});
  CHECK_THROWS(token_ring{{token_key{1, "short"}}});
}
