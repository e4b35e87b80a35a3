// A UDP socket that never blocks.
#pragma once

#include "runtime/exercise/wire.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::exercise {

class udp_socket final : public wire {
public:
  // `address` is numeric; port 0: any. Throws std::runtime_error with the reason.
  explicit udp_socket(const endpoint& address);
  ~udp_socket() override;
  udp_socket(const udp_socket&) = delete;
  udp_socket& operator=(const udp_socket&) = delete;

  [[nodiscard]] const endpoint& local() const override { return local_; }
  void wait_for(std::vector<pollfd>& events) const override {
    events.push_back({descriptor_, POLLIN, 0});
  }
  // A datagram that cannot be sent is a lost one.
  void send(const flow& to, const std::string& bytes) override;
  [[nodiscard]] std::optional<flow> receive(std::string& bytes) override;

private:
  int descriptor_ = -1;
  endpoint local_;
};

// The first address of a name, or the address itself. Blocks; throws std::runtime_error.
[[nodiscard]] endpoint resolve(const endpoint& name);

// The address this machine would send from to reach `to`.
[[nodiscard]] std::string source_address_for(const endpoint& to);

} // namespace holdfast::exercise
