// What a container gave each proxy lately for streams. A datagram that dies with its proxy is sent
// again by a SIP timer; over a stream nothing is (RFC 3261 17.1.1.2), so the container says it again
// through another proxy. The far end absorbs what had arrived, as it does any copy.
#pragma once

#include "protocol/core/time.hpp"

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cluster {

class recent_output {
public:
  // More than it takes to notice that a proxy is gone (failure_detector.hpp).
  static constexpr duration kept{1s};
  static constexpr std::size_t messages_max = 20'000; // then the oldest go first

  void said(std::string_view proxy, std::string bytes, instant now);
  // In order, and not to be had again.
  [[nodiscard]] std::vector<std::string> take(std::string_view proxy, instant now);

  [[nodiscard]] std::size_t size() const { return said_.size(); }

private:
  struct entry {
    std::string proxy;
    std::string bytes;
    instant at;
  };
  void forget_old(instant now);

  std::deque<entry> said_; // oldest first
};

} // namespace holdfast::cluster
