// A user agent that is asked who it is (RFC 3261 22.2).
#include "runtime/exercise/credentials.hpp"

#include <doctest/doctest.h>

namespace holdfast::exercise::test {

namespace {

sip::message refusal(int status, const std::string& nonce, bool stale = false) {
  sip::message m;
  m.status = status;
  sip::challenge c;
  c.realm = "example.com";
  c.nonce = nonce;
  c.stale = stale;
  m.add(status == 401 ? "WWW-Authenticate" : "Proxy-Authenticate", sip::to_string(c));
  return m;
}

sip::message request() {
  sip::message m;
  m.method = "INFO";
  m.request_uri = "sip:bob@example.com";
  m.add("From", "<sip:callee-3@example.com>;tag=1");
  return m;
}

} // namespace

TEST_CASE(
    "exercise credentials: a challenge is answered by the user in From, the nonce's uses counted") {
  name_source names{1};
  credentials c{"secret"};
  auto first = request();
  c.authorize(first, names);
  CHECK_FALSE(first.has("Authorization")); // nobody has asked
  REQUIRE(c.take(refusal(401, "one")));
  for (const std::uint32_t count : {1U, 2U}) {
    auto m = request();
    c.authorize(m, names);
    const auto given = sip::parse_credentials(*m.header("Authorization"));
    REQUIRE(given.has_value());
    CHECK(given->username == "callee-3");
    CHECK(given->nonce_count == count);
    CHECK(given->response
          == sip::response_of(*given,
                              sip::ha1_of(given->algorithm, "callee-3", "example.com", "secret"),
                              "INFO", ""));
  }
  REQUIRE(c.take(refusal(401, "two", true))); // stale: once more, with the new nonce
  auto again = request();
  c.authorize(again, names);
  CHECK(sip::parse_credentials(*again.header("Authorization"))->nonce == "two");
  CHECK_FALSE(c.take(refusal(401, "three"))); // the password is wrong, then
}

TEST_CASE("exercise credentials: without a password, or without a challenge, there is no answer") {
  credentials none;
  CHECK_FALSE(none.take(refusal(407, "one")));
  credentials c{"secret"};
  CHECK_FALSE(c.take(refusal(403, "one")));
  name_source names{1};
  REQUIRE(c.take(refusal(407, "one")));
  auto m = request();
  c.authorize(m, names);
  CHECK(m.has("Proxy-Authorization"));
}

} // namespace holdfast::exercise::test
