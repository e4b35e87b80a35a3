#include "runtime/exercise/udp_socket.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace holdfast::exercise {

namespace {

constexpr std::size_t datagram_size_max = 65535;
constexpr int buffer_size = 4 << 20; // a whole burst of retransmissions

struct address {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&bytes); }
};

std::optional<address> to_address(const endpoint& e) {
  address out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.bytes);
  if (::inet_pton(AF_INET, e.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(e.port);
    out.size = sizeof(sockaddr_in);
    return out;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.bytes);
  if (::inet_pton(AF_INET6, e.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(e.port);
    out.size = sizeof(sockaddr_in6);
    return out;
  }
  return std::nullopt;
}

endpoint from_address(const address& a) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (a.bytes.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&a.bytes);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    return {text.data(), ntohs(v6->sin6_port)};
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&a.bytes);
  ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  return {text.data(), ntohs(v4->sin_port)};
}

[[noreturn]] void refuse(const std::string& what, const endpoint& e) {
  throw std::runtime_error(what + " " + to_string(e) + ": " + std::strerror(errno));
}

} // namespace

udp_socket::udp_socket(const endpoint& where) {
  const auto a = to_address(where);
  if (!a) throw std::runtime_error("no numeric address: " + where.host);
  descriptor_ = ::socket(a->bytes.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) refuse("cannot open a socket for", where);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &buffer_size, sizeof buffer_size);
  ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDBUF, &buffer_size, sizeof buffer_size);
  if (::bind(descriptor_, a->get(), a->size) != 0) {
    ::close(descriptor_);
    refuse("cannot bind to", where);
  }
  address bound;
  bound.size = sizeof bound.bytes;
  ::getsockname(descriptor_, bound.get(), &bound.size);
  local_ = from_address(bound);
}

udp_socket::~udp_socket() {
  ::close(descriptor_);
}

void udp_socket::send(const flow& to, const std::string& bytes) {
  if (const auto a = to_address(to))
    static_cast<void>(::sendto(descriptor_, bytes.data(), bytes.size(), 0, a->get(), a->size));
}

std::optional<flow> udp_socket::receive(std::string& bytes) {
  bytes.resize(datagram_size_max);
  address from;
  for (;;) {
    from.size = sizeof from.bytes;
    const auto size =
        ::recvfrom(descriptor_, bytes.data(), bytes.size(), 0, from.get(), &from.size);
    if (size >= 0) {
      bytes.resize(static_cast<std::size_t>(size));
      return from_address(from);
    }
    // ICMP errors of earlier datagrams surface here; they say nothing about the next one.
    if (errno != EINTR && errno != ECONNREFUSED) return std::nullopt;
  }
}

endpoint resolve(const endpoint& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(name.host.c_str(), nullptr, &hints, &found);
  if (error != 0) throw std::runtime_error(name.host + ": " + ::gai_strerror(error));
  address a;
  std::memcpy(&a.bytes, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  auto out = from_address(a);
  out.port = name.port;
  return out;
}

std::string source_address_for(const endpoint& to) {
  const auto a = to_address(to);
  if (!a) throw std::runtime_error("no numeric address: " + to.host);
  const int probe = ::socket(a->bytes.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  address own;
  own.size = sizeof own.bytes;
  // Connecting a UDP socket sends nothing; the kernel only picks the route.
  const bool ok = probe >= 0 && ::connect(probe, a->get(), a->size) == 0
                  && ::getsockname(probe, own.get(), &own.size) == 0;
  if (probe >= 0) ::close(probe);
  if (!ok) refuse("no way to", to);
  return from_address(own).host;
}

} // namespace holdfast::exercise
