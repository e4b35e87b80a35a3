#include "protocol/sip/name_addr.hpp"
#include "protocol/sip/uri.hpp"
#include "protocol/sip/via.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using namespace holdfast::sip;

TEST_CASE("uri: taken apart and put together again [RFC 3261 19.1.1]") {
  for (const auto* text :
       {"sip:alice@atlanta.com", "sips:1212@gateway.com",
        "sip:alice:secret@atlanta.com;transport=tcp",
        "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        "sip:+1-212-555-1212:1234@gw;user=phone", "sip:alice;day=tuesday@atlanta.com",
        "sip:a@[2001:db8::10]:5070;lr", "tel:+358-555-1234567", "sip:%00@host5.example.com",
        "nobodyKnows:totally;opaque?x"}) {
    CAPTURE(text);
    const auto u = parse_uri(text);
    REQUIRE(u.has_value());
    CHECK(parse_uri(to_string(*u)) == *u);
    if (u->is_sip()) CHECK(to_string(*u) == text);
  }
}

TEST_CASE("uri: what is none is refused") {
  for (const auto* text :
       {"", "sip:", "alice@atlanta.com", "sip:@h", "sip:a@", "sip:a@b@c", "sip:a@h:0",
        "sip:a@h:70000", "sip:a@h:", "sip:a@[::1", "sip:a b@h", "<sip:a@h>", "sip:a@h;",
        "sip:a@h;;x", "sip:a%4@h", "sip:a@h?", "1sip:a@h"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_uri(text).has_value());
  }
}

TEST_CASE("uri: comparison [RFC 3261 19.1.4]") {
  struct {
    const char* a;
    const char* b;
    bool same;
  } const rows[] = {
      {"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
      {"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
      {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true},
      {"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
       "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
      {"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
       "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
      {"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
      {"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
      {"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
      {"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
      {"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
      {"sip:a@h;user=phone", "sip:a@h", false},
      {"sip:a@h;maddr=1.2.3.4", "sip:a@h", false},
      {"sip:a@h", "sips:a@h", false},
      {"sip:a%3Bb@h", "sip:a;b@h", false},
      {"sip:a@h;n=v%61lue%25%34%31", "sip:a@h;n=valueA", false},
      {"tel:+1-212-555", "tel:+1(212)555", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK(equivalent(*parse_uri(row.a), *parse_uri(row.b)) == row.same);
    CHECK(equivalent(*parse_uri(row.b), *parse_uri(row.a)) == row.same);
  }
}

TEST_CASE("uri: one address of record has one canonical form [RFC 3261 10.3]") {
  struct {
    const char* in;
    const char* out;
  } const rows[] = {
      {"SIP:%61lice:pw@Atlanta.COM;transport=tcp?a=b", "sip:alice@atlanta.com"},
      {"sips:alice@atlanta.com:5061", "sip:alice@atlanta.com"},
      {"sip:alice@atlanta.com:5060", "sip:alice@atlanta.com"},
      {"sip:alice@atlanta.com:5070", "sip:alice@atlanta.com"},
      {"sip:Alice@[2001:DB8::1]", "sip:Alice@[2001:db8::1]"},
      {"sip:null-%00-null@example.com", "sip:null-%00-null@example.com"},
      {"tel:+1-212", "tel:+1212"},
      {"sips:bob@example.com:5061", "sip:bob@example.com"},
      {"sips:bob@example.com:5060", "sip:bob@example.com"},
      {"sip:bob@example.com:5061", "sip:bob@example.com"},
  };
  for (const auto& row : rows) {
    CHECK(canonical_aor(*parse_uri(row.in)) == row.out);
    CHECK(canonical_aor(*parse_uri(row.out)) == row.out);
  }
}

TEST_CASE("name-addr: display names, brackets and whose parameters they are [RFC 3261 20.10]") {
  const auto quoted = parse_name_addr(R"("J \"R\" \\" <sip:j@h;lr> ; tag = 7;q=0.33)");
  REQUIRE(quoted.has_value());
  CHECK(quoted->display == R"(J "R" \)");
  CHECK(quoted->uri.has_param("lr"));
  CHECK(quoted->tag() == "7");
  CHECK(quoted->q() == 330);
  CHECK(parse_name_addr(to_string(*quoted)) == *quoted);
  const auto bare = parse_name_addr("sip:j@h;expires=60");
  CHECK(bare->expires() == 60U);
  CHECK(bare->uri.params.empty());
  CHECK(parse_name_addr("caller<sip:c@h>")->display == "caller");
  CHECK(parse_name_addr("*")->wildcard);
  for (const auto* text : {"\"open <sip:a@h>", "Bell, A <sip:a@h>", "< sip:a@h >", "<sip:a@h", "",
                           "sip:a@h?Route=x", "<sip:a@h>;;;", "\"x\" sip:a@h", "<>"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_name_addr(text).has_value());
  }
}

TEST_CASE("via: read with white space everywhere, refused with nothing in it [RFC 3261 20.42]") {
  const auto v = parse_via("SIP / 2.0 /udp  [2001:db8::9] : 5070 ;branch = z9hG4bK87a;rport");
  REQUIRE(v.has_value());
  CHECK(to_string(*v) == "SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bK87a;rport");
  CHECK(v->has_magic_cookie());
  CHECK(v->wants_rport());
  CHECK_FALSE(v->rport());
  CHECK_FALSE(parse_via("SIP/2.0/UDP h;branch=z9hG4bK")->has_magic_cookie());
  for (const auto* text : {"", ";", "SIP/2.0/UDP", "SIP/2.0/UDP ;branch=x", "SIP/2.0 h",
                           "SIP/2.0/UDP h;;", "SIP/2.0/UDP h:x"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_via(text).has_value());
  }
}

TEST_CASE(
    "uri: a parameter that stands twice counts once, and a URI equals itself [RFC 3261 19.1.1]") {
  const auto twice = parse_uri("sip:a@b;p=1;P=2;q").value();
  CHECK(equivalent(twice, twice));
  CHECK(equivalent(twice, parse_uri("sip:a@b;q;p=1").value()));
  CHECK_FALSE(equivalent(twice, parse_uri("sip:a@b;q;p=2").value()));
}
