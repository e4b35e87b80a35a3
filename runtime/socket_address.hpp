// An endpoint as the system calls want it, and back.
#pragma once

#include "protocol/core/endpoint.hpp"
#include "runtime/file_descriptor.hpp"

#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace holdfast::runtime {

struct socket_address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// nullopt: the host is a name. Never blocks.
[[nodiscard]] std::optional<socket_address> numeric_address(const endpoint& e);
// An IPv4 address that came through an IPv6 socket (::ffff:192.0.2.1) is an IPv4 address.
[[nodiscard]] endpoint to_endpoint(const sockaddr_storage& address);
// For a destination on a socket of that family: IPv4 is mapped for an IPv6 socket; nullopt: this
// socket can not reach it.
[[nodiscard]] std::optional<socket_address> for_family(const socket_address& address, int family);

// Asks the resolver and may block for seconds; empty: no such name. At start-up and in helper
// threads only.
[[nodiscard]] std::vector<std::string> resolve_and_wait(const std::string& name);

// Opened, bound, non-blocking, close-on-exec. `type` is SOCK_DGRAM or SOCK_STREAM. Throws
// std::runtime_error that names `purpose`, the address and what the system said.
[[nodiscard]] file_descriptor open_bound(const endpoint& where, int type, std::string_view purpose);
// `configured` with the port the system gave.
[[nodiscard]] endpoint bound_endpoint(const file_descriptor& fd, const endpoint& configured);

} // namespace holdfast::runtime
