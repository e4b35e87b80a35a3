// Digest arithmetic and its header fields.
#include "protocol/sip/digest.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using namespace holdfast::sip;

namespace {

// The worked example of RFC 7616 3.9.1, which RFC 8760 builds on.
credentials mufasa(hash_algorithm algorithm) {
  return {.username = "Mufasa",
          .realm = "http-auth@example.org",
          .nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
          .uri = "/dir/index.html",
          .response = {},
          .cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
          .opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
          .qop = "auth",
          .algorithm = algorithm,
          .nonce_count = 1};
}

std::string mufasa_response(hash_algorithm algorithm) {
  const auto given = mufasa(algorithm);
  return response_of(given, ha1_of(algorithm, given.username, given.realm, "Circle of Life"), "GET",
                     "");
}

} // namespace

TEST_CASE("digest: MD5 and SHA-256 compute what the RFC's example says [RFC 7616 3.9.1]") {
  CHECK(mufasa_response(hash_algorithm::md5) == "8ca523f5e9506fed4657c9700eebdbec");
  CHECK(mufasa_response(hash_algorithm::sha_256)
        == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
}

// What the RFC prints there is SHA-512 cut to 256 bits; the report gives the response of
// SHA-512/256.
TEST_CASE("digest: SHA-512-256 computes what is right [RFC 7616 3.9.2, erratum 4897]") {
  const credentials given{.username = "J\xc3\xa4s\xc3\xb8n Doe",
                          .realm = "api@example.org",
                          .nonce = "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
                          .uri = "/doe.json",
                          .response = {},
                          .cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
                          .opaque = {},
                          .qop = "auth",
                          .algorithm = hash_algorithm::sha_512_256,
                          .nonce_count = 1};
  const auto ha1 = ha1_of(given.algorithm, given.username, given.realm, "Secret, or not?");
  CHECK(response_of(given, ha1, "GET", "")
        == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
}

TEST_CASE("digest: without qop the old formula holds [RFC 2617 3.5, RFC 2069]") {
  credentials old{.username = "Mufasa",
                  .realm = "testrealm@host.com",
                  .nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                  .uri = "/dir/index.html",
                  .response = {},
                  .cnonce = {},
                  .opaque = {},
                  .qop = {},
                  .algorithm = hash_algorithm::md5,
                  .nonce_count = 0};
  const auto ha1 = ha1_of(hash_algorithm::md5, "Mufasa", old.realm, "Circle Of Life");
  CHECK(ha1 == "939e7578ed9e3c518a452acee763bce9");
  old.qop = "auth";
  old.cnonce = "0a4f113b";
  old.nonce_count = 1;
  CHECK(response_of(old, ha1, "GET", "") == "6629fae49393a05397450978507c4ef1");
}

TEST_CASE("digest: auth-int protects the body, and each algorithm says something else") {
  auto given = mufasa(hash_algorithm::sha_512_256);
  given.qop = "auth-int";
  const auto ha1 = ha1_of(given.algorithm, "Mufasa", given.realm, "Circle of Life");
  CHECK(ha1.size() == 64);
  const auto right = response_of(given, ha1, "MESSAGE", "hello");
  CHECK(right != response_of(given, ha1, "MESSAGE", "hullo"));
  given.algorithm = hash_algorithm::sha_256;
  CHECK(right != response_of(given, ha1, "MESSAGE", "hello"));
}

TEST_CASE("digest: header fields survive writing and reading [RFC 3261 20.44, 20.7]") {
  const challenge asked{.realm = "a \"quoted\" realm",
                        .nonce = "n,once",
                        .opaque = "o",
                        .algorithm = hash_algorithm::sha_512_256,
                        .auth = true,
                        .auth_int = true,
                        .stale = true};
  const auto read = parse_challenge(to_string(asked));
  REQUIRE(read.has_value());
  CHECK(*read == asked);
  const auto given = answer_to(asked, "bob", "ha1", "INVITE", "sip:a@b", "", "c", 0x1f);
  CHECK(to_string(given).find("nc=0000001f") != std::string::npos);
  const auto back = parse_credentials(to_string(given));
  REQUIRE(back.has_value());
  CHECK(*back == given);
  // Without qop a cnonce means nothing.
  const auto old =
      parse_credentials("Digest username=\"a\", realm=\"b\", nonce=\"c\", uri=\"sip:d\", "
                        "response=\"0\", cnonce=\"e\"");
  REQUIRE(old.has_value());
  CHECK(parse_credentials(to_string(*old)) == *old);
}

TEST_CASE("digest: what cannot be understood is an error, never a guess") {
  for (const auto* text :
       {"", "Digest", "Basic QWxhZGRpbg==", "Digest realm=\"a\"", "Digest nonce=\"a\"",
        "Digest realm=\"a\", nonce=\"b\", algorithm=MD5-sess",
        "Digest realm=\"a\", nonce=\"b\", qop=\"other\"",
        "Digest realm=\"a\", realm=\"c\", nonce=\"b\"", "Digest realm=\"a, nonce=b",
        "Digest nonce=b, realm=\"ab", "Digest nonce=b, realm=\"a\"b",
        "Digest nonce=b, realm=\"a\\\"", "Digest nonce=b, realm=\""})
    CHECK_MESSAGE(!parse_challenge(text).has_value(), text);
  const std::string whole =
      "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"00\"";
  CHECK(parse_credentials(whole).has_value());
  for (const auto* more :
       {", qop=auth", ", qop=auth, nc=1, cnonce=\"c\"", ", qop=auth, nc=0000000g, cnonce=\"c\"",
        ", qop=auth, nc=00000001", ", algorithm=SHA-1", ", username=\"other\""})
    CHECK_MESSAGE(!parse_credentials(whole + more).has_value(), more);
  // Two challenges of one header field's offers: only what we speak counts.
  const auto lax = parse_challenge("digest  REALM=r , nonce = \"n\",qop=\"auth-int, other\"");
  REQUIRE(lax.has_value());
  CHECK(lax->auth_int);
  CHECK_FALSE(lax->auth);
}
