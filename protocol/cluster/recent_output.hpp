// Which requests a container gave each proxy lately for streams. A datagram that dies with its
// proxy is sent again by a SIP timer; over a stream nothing is (RFC 3261 17.1.1.2), so the session
// hears of the proxy's death and says again what has no answer yet.
#pragma once

#include "protocol/core/identifiers.hpp"
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
  static constexpr std::size_t requests_max = 20'000; // then the oldest go first

  struct request {
    session_address from;
    std::string branch;

    friend bool operator==(const request&, const request&) = default;
  };

  void said(std::string_view proxy, request what, instant now);
  // In order, and not to be had again.
  [[nodiscard]] std::vector<request> take(std::string_view proxy, instant now);

  [[nodiscard]] std::size_t size() const { return said_.size(); }

private:
  struct entry {
    std::string proxy;
    request what;
    instant at;
  };
  void forget_old(instant now);

  std::deque<entry> said_; // oldest first
};

} // namespace holdfast::cluster
