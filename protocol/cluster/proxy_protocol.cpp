#include "protocol/cluster/proxy_protocol.hpp"

#include <arpa/inet.h> // inet_pton and inet_ntop: text to bytes and back, no socket
#include <array>

namespace holdfast::cluster {

namespace {

constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr char version_2_proxy = 0x21;
constexpr char inet_datagram = 0x12;
constexpr char inet6_datagram = 0x22;
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

} // namespace

std::string wrap_datagram(const endpoint& source, const endpoint& destination,
                          std::string_view payload) {
  const bool six = source.host.find(':') != std::string::npos;
  const int family = six ? AF_INET6 : AF_INET;
  std::string addresses = address_bytes(family, source.host);
  const auto to = address_bytes(family, destination.host);
  const bool known = !addresses.empty() && !to.empty();
  std::string out;
  out.reserve(fixed_size + 36 + payload.size());
  out += signature;
  out.push_back(version_2_proxy);
  out.push_back(known ? (six ? inet6_datagram : inet_datagram) : unspecified);
  if (known) {
    put_16(out, addresses.size() * 2 + 4);
    out += addresses + to;
    put_16(out, source.port);
    put_16(out, destination.port);
  } else {
    put_16(out, 0);
  }
  out += payload;
  return out;
}

result<unwrapped_datagram> unwrap_datagram(std::string_view datagram) {
  if (datagram.size() < fixed_size || !datagram.starts_with(signature))
    return fail("no PROXY protocol header");
  if (datagram[12] != version_2_proxy) return fail("PROXY header of another version or command");
  const bool six = datagram[13] == inet6_datagram;
  if (!six && datagram[13] != inet_datagram) return fail("PROXY header of another transport");
  const std::size_t length = get_16(datagram.substr(14));
  const std::size_t size = six ? 16 : 4;
  if (length < size * 2 + 4 || fixed_size + length > datagram.size())
    return fail("PROXY header is cut short");
  const int family = six ? AF_INET6 : AF_INET;
  const auto body = datagram.substr(fixed_size, length);
  unwrapped_datagram u;
  u.source = {address_text(family, body.substr(0, size)), get_16(body.substr(size * 2))};
  u.destination = {address_text(family, body.substr(size, size)),
                   get_16(body.substr(size * 2 + 2))};
  u.payload = datagram.substr(fixed_size + length);
  return u;
}

} // namespace holdfast::cluster
