// A UDP socket that never blocks.
#pragma once

#include "protocol/core/endpoint.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::exercise {

class udp_socket {
public:
  // `address` is numeric; port 0: any. Throws std::runtime_error with the reason.
  explicit udp_socket(const endpoint& address);
  ~udp_socket();
  udp_socket(const udp_socket&) = delete;
  udp_socket& operator=(const udp_socket&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] const endpoint& local() const { return local_; }

  // A datagram that cannot be sent is a lost one.
  void send(const endpoint& to, std::string_view bytes) const;
  // The next one into `bytes`, and where it came from; nullopt: none waits.
  [[nodiscard]] std::optional<endpoint> receive(std::string& bytes) const;

private:
  int descriptor_ = -1;
  endpoint local_;
};

// The first address of a name, or the address itself. Blocks; throws std::runtime_error.
[[nodiscard]] endpoint resolve(const endpoint& name);

// The address this machine would send from to reach `to`.
[[nodiscard]] std::string source_address_for(const endpoint& to);

} // namespace holdfast::exercise
