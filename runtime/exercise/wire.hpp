// What the messages of one party travel on: a UDP socket, or TCP connections. Nothing here blocks.
#pragma once

#include "protocol/core/flow.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <vector>

namespace holdfast::exercise {

class wire {
public:
  virtual ~wire() = default;

  [[nodiscard]] virtual const endpoint& local() const = 0; // for Via and Contact
  virtual void wait_for(std::vector<pollfd>& events) const = 0;
  // Whatever poll() said, and what time has brought; before receive().
  virtual void work() {}
  virtual void send(const flow& to, const std::string& bytes) = 0;
  // The next message into `bytes`, and where it came from; nullopt: none waits.
  [[nodiscard]] virtual std::optional<flow> receive(std::string& bytes) = 0;
};

// At `address`, numeric, port 0: any. Throws std::runtime_error with the reason. Over TCP at most
// `connections` are opened to one address.
[[nodiscard]] std::unique_ptr<wire> open_wire(transport over, const endpoint& address,
                                              std::uint32_t connections);

} // namespace holdfast::exercise
