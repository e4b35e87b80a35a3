#include "protocol/cluster/proxy_protocol.hpp"

#include <arpa/inet.h> // inet_pton and inet_ntop: text to bytes and back, no socket
#include <array>
#include <utility>

namespace holdfast::cluster {

namespace {

constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr char version_2_proxy = 0x21;
constexpr char inet_datagram = 0x12;
constexpr char inet6_datagram = 0x22;
constexpr char inet_stream = 0x11;
constexpr char inet6_stream = 0x21;
constexpr char unspecified = 0x00;
constexpr std::size_t fixed_size = 16;

std::string address_bytes(int family, const std::string& host) {
  std::array<char, 16> bytes{};
  if (inet_pton(family, host.c_str(), bytes.data()) != 1) return {};
  return {bytes.data(), family == AF_INET ? 4u : 16u};
}

std::string address_text(int family, std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, bytes.data(), text.data(), text.size());
  return text.data();
}

void put_16(std::string& out, std::size_t n) {
  out.push_back(static_cast<char>((n >> 8) & 0xff));
  out.push_back(static_cast<char>(n & 0xff));
}

std::uint16_t get_16(std::string_view bytes) {
  return static_cast<std::uint16_t>((static_cast<unsigned char>(bytes[0]) << 8)
                                    | static_cast<unsigned char>(bytes[1]));
}

std::string header(char inet, char inet6, const endpoint& source, const endpoint& destination,
                   std::size_t payload) {
  const bool six = source.host.find(':') != std::string::npos;
  const int family = six ? AF_INET6 : AF_INET;
  std::string addresses = address_bytes(family, source.host);
  const auto to = address_bytes(family, destination.host);
  const bool known = !addresses.empty() && !to.empty();
  std::string out;
  out.reserve(fixed_size + 36 + payload);
  out += signature;
  out.push_back(version_2_proxy);
  out.push_back(known ? (six ? inet6 : inet) : unspecified);
  if (!known) {
    put_16(out, 0);
    return out;
  }
  put_16(out, addresses.size() * 2 + 4);
  out += addresses + to;
  put_16(out, source.port);
  put_16(out, destination.port);
  return out;
}

struct read_header {
  endpoint source;
  endpoint destination;
  std::size_t size = 0;
};

result<read_header> read(char inet, char inet6, std::string_view bytes) {
  if (bytes.size() < fixed_size || !bytes.starts_with(signature))
    return fail("no PROXY protocol header");
  if (bytes[12] != version_2_proxy) return fail("PROXY header of another version or command");
  const bool six = bytes[13] == inet6;
  if (!six && bytes[13] != inet) return fail("PROXY header of another transport");
  const std::size_t length = get_16(bytes.substr(14));
  const std::size_t size = six ? 16 : 4;
  if (length < size * 2 + 4 || fixed_size + length > bytes.size())
    return fail("PROXY header is cut short");
  const int family = six ? AF_INET6 : AF_INET;
  const auto body = bytes.substr(fixed_size, length);
  return read_header{
      {address_text(family, body.substr(0, size)), get_16(body.substr(size * 2))},
      {address_text(family, body.substr(size, size)), get_16(body.substr(size * 2 + 2))},
      fixed_size + length};
}

} // namespace

std::string wrap_datagram(const endpoint& source, const endpoint& destination,
                          std::string_view payload) {
  auto out = header(inet_datagram, inet6_datagram, source, destination, payload.size());
  out += payload;
  return out;
}

result<unwrapped_datagram> unwrap_datagram(std::string_view datagram) {
  auto h = read(inet_datagram, inet6_datagram, datagram);
  if (!h) return tl::make_unexpected(h.error());
  return unwrapped_datagram{std::move(h->source), std::move(h->destination),
                            datagram.substr(h->size)};
}

std::string stream_header(const endpoint& source, const endpoint& destination) {
  return header(inet_stream, inet6_stream, source, destination, 0);
}

result<std::size_t> stream_header_size(std::string_view fixed) {
  if (fixed.size() < fixed_size || !fixed.starts_with(signature))
    return fail("no PROXY protocol header");
  const auto size = fixed_size + get_16(fixed.substr(14));
  if (size > stream_header_max) return fail("PROXY header too large");
  return size;
}

result<stream_addresses> read_stream_header(std::string_view bytes) {
  auto h = read(inet_stream, inet6_stream, bytes);
  if (!h) return tl::make_unexpected(h.error());
  return stream_addresses{std::move(h->source), std::move(h->destination)};
}

} // namespace holdfast::cluster
