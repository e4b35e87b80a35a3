#include "protocol/cluster/proxy_protocol.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace holdfast;
using cluster::unwrap_datagram;
using cluster::wrap_datagram;

TEST_CASE("proxy protocol: addresses and payload arrive as they were sent, of both families") {
  const struct {
    endpoint source, destination;
  } rows[] = {
      {{"127.0.0.1", 5090}, {"127.0.0.1", 5060}},
      {{"203.0.113.7", 65535}, {"198.51.100.1", 1}},
      {{"2001:db8::1", 5060}, {"::1", 5061}},
  };
  for (const auto& row : rows) {
    const std::string payload{"INVITE\0x", 8};
    const auto datagram = wrap_datagram(row.source, row.destination, payload);
    const auto got = unwrap_datagram(datagram);
    REQUIRE(got);
    CHECK(got->source == row.source);
    CHECK(got->destination == row.destination);
    CHECK(got->payload == payload);
  }
}

TEST_CASE("proxy protocol: what is no header, or is cut short, is refused") {
  const auto good = wrap_datagram({"127.0.0.1", 1}, {"127.0.0.1", 2}, "");
  CHECK_FALSE(unwrap_datagram(""));
  CHECK_FALSE(unwrap_datagram("OPTIONS sip:a@b SIP/2.0\r\n\r\n"));
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK_FALSE(unwrap_datagram(std::string_view{good}.substr(0, n)));
  auto stream = good;
  stream[13] = 0x11; // TCP over IPv4
  CHECK_FALSE(unwrap_datagram(stream));
  CHECK_FALSE(unwrap_datagram(wrap_datagram({"a.example", 1}, {"127.0.0.1", 2}, "x")));
}

TEST_CASE("proxy protocol: extensions behind the addresses are skipped") {
  auto datagram = wrap_datagram({"127.0.0.1", 1}, {"127.0.0.1", 2}, "");
  datagram[15] = static_cast<char>(datagram[15] + 4);
  datagram += std::string{"\x04\x00\x01\x00", 4} + "payload";
  CHECK(unwrap_datagram(datagram)->payload == "payload");
}
