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

TEST_CASE("proxy protocol: the head of a stream says its size first, and then whose it is") {
  const auto header = cluster::stream_header({"203.0.113.7", 40000}, {"198.51.100.1", 5061});
  const auto size =
      cluster::stream_header_size(std::string_view{header}.substr(0, cluster::stream_header_fixed));
  REQUIRE(size.has_value());
  CHECK(*size == header.size());
  const auto read = cluster::read_stream_header(header);
  REQUIRE(read.has_value());
  CHECK(read->source == endpoint{"203.0.113.7", 40000});
  CHECK(read->destination == endpoint{"198.51.100.1", 5061});
  CHECK_FALSE(cluster::read_stream_header(wrap_datagram({"127.0.0.1", 1}, {"127.0.0.1", 2}, "")));
  CHECK_FALSE(cluster::stream_header_size("OPTIONS sip:a@b S"));
  auto huge = header;
  huge[14] = '\x7f';
  CHECK_FALSE(cluster::stream_header_size(std::string_view{huge}.substr(0, 16)));
  auto health_check = header;
  health_check[12] = 0x20; // LOCAL
  CHECK_FALSE(cluster::read_stream_header(health_check));
}
