#include "protocol/core/codec.hpp"
#include "protocol/core/flow.hpp"

#include <doctest/doctest.h>

using namespace holdfast;

TEST_CASE("flow: its text reads back, and that of a datagram is its address") {
  const struct {
    flow is;
    const char* text;
  } rows[] = {
      {{{"192.0.2.1", 5060}}, "192.0.2.1:5060"},
      {{{"192.0.2.1", 5060}, transport::tcp}, "192.0.2.1:5060;tcp"},
      {{{"2001:db8::1", 4}, transport::tls, "proxy-1/7.2"}, "[2001:db8::1]:4;tls;proxy-1/7.2"},
      {{{"phone.example", 0}, transport::wss}, "phone.example;wss"},
  };
  for (const auto& row : rows) {
    CHECK(to_string(row.is) == row.text);
    const auto read = parse_flow(row.text);
    REQUIRE(read.has_value());
    CHECK(*read == row.is);
    CHECK(*decode<flow>(encode(row.is)) == row.is);
  }
  for (const auto* bad : {"", ";tcp", "192.0.2.1:5060;", "192.0.2.1:5060;pigeon", "h:99999;tcp"})
    CHECK_FALSE(parse_flow(bad).has_value());
}

TEST_CASE("flow: it names the proxy that has the connection") {
  CHECK(flow{{"192.0.2.1", 1}, transport::tcp, "proxy-1/7.2"}.proxy() == "proxy-1");
  CHECK(flow{{"192.0.2.1", 1}, transport::tcp}.proxy().empty());
  CHECK(flow{{"192.0.2.1", 1}} == endpoint{"192.0.2.1", 1});
  CHECK_FALSE(flow{{"192.0.2.1", 1}} == flow{{"192.0.2.1", 1}, transport::tcp});
}
