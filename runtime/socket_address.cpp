#include "runtime/socket_address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <net/if.h>
#include <netdb.h>
#include <stdexcept>

namespace holdfast::runtime {

namespace {

template <class T>
socket_address pack(const T& address) {
  socket_address packed;
  static_assert(sizeof(T) <= sizeof packed.storage);
  std::memcpy(&packed.storage, &address, sizeof address);
  packed.length = sizeof address;
  return packed;
}

template <class T>
T unpack(const sockaddr_storage& storage) {
  T address{};
  std::memcpy(&address, &storage, sizeof address);
  return address;
}

socket_address resolved_or_throw(const endpoint& where, std::string_view purpose) {
  if (const auto numeric = numeric_address(where)) return *numeric;
  const auto found = resolve_and_wait(where.host);
  if (found.empty())
    throw std::runtime_error("cannot open " + to_string(where) + " for " + std::string{purpose}
                             + ": the name " + where.host + " has no address");
  return *numeric_address({found.front(), where.port});
}

} // namespace

std::optional<socket_address> numeric_address(const endpoint& e) {
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, e.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(e.port);
    return pack(v4);
  }
  sockaddr_in6 v6{};
  const auto percent = e.host.find('%'); // fe80::1%eth0
  if (::inet_pton(AF_INET6, e.host.substr(0, percent).c_str(), &v6.sin6_addr) != 1)
    return std::nullopt;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(e.port);
  if (percent != std::string::npos) v6.sin6_scope_id = ::if_nametoindex(&e.host[percent + 1]);
  return pack(v6);
}

endpoint to_endpoint(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto v4 = unpack<sockaddr_in>(address);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  const auto v6 = unpack<sockaddr_in6>(address);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) != 0)
    ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
  else
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  endpoint e{text.data(), ntohs(v6.sin6_port)};
  std::array<char, IF_NAMESIZE> interface {};
  if (v6.sin6_scope_id != 0 && ::if_indextoname(v6.sin6_scope_id, interface.data()) != nullptr)
    e.host += std::string{"%"} + interface.data();
  return e;
}

std::optional<socket_address> for_family(const socket_address& address, int family) {
  if (address.family() == family) return address;
  if (family != AF_INET6 || address.family() != AF_INET) return std::nullopt;
  const auto v4 = unpack<sockaddr_in>(address.storage);
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = v4.sin_port;
  mapped.sin6_addr.s6_addr[10] = 0xff;
  mapped.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&mapped.sin6_addr.s6_addr[12], &v4.sin_addr, sizeof v4.sin_addr);
  return pack(mapped);
}

std::vector<std::string> resolve_and_wait(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype =
      SOCK_DGRAM; // one answer an address; without AI_ADDRCONFIG loopback counts too
  addrinfo* answer = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &answer) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned{answer, &::freeaddrinfo};
  std::vector<std::string> addresses;
  for (const auto* entry = answer; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, entry->ai_addr, entry->ai_addrlen);
    auto host = to_endpoint(storage).host;
    if (std::find(addresses.begin(), addresses.end(), host) == addresses.end())
      addresses.push_back(std::move(host));
  }
  return addresses;
}

file_descriptor open_bound(const endpoint& where, int type, std::string_view purpose) {
  const auto address = resolved_or_throw(where, purpose);
  const auto refuse = [&](int code) {
    throw std::runtime_error("cannot open " + std::string{type == SOCK_DGRAM ? "UDP " : "TCP "}
                             + to_string(where) + " for " + std::string{purpose} + ": "
                             + describe_errno(code));
  };
  file_descriptor fd{::socket(address.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) refuse(errno);
  const int on = 1;
  const int off = 0;
  // A restarted node takes its port back although old connections linger. Not for UDP: there it
  // would let two nodes share one port.
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // [::] serves IPv4 too.
  if (address.family() == AF_INET6)
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd.get(), address.get(), address.length) != 0) refuse(errno);
  return fd;
}

endpoint bound_endpoint(const file_descriptor& fd, const endpoint& configured) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0)
    return configured;
  return {configured.host, to_endpoint(storage).port};
}

} // namespace holdfast::runtime
