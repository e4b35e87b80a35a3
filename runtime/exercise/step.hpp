// What a user agent wants after one event: datagrams, wake-ups, and news for whoever runs it.
#pragma once

#include "protocol/core/flow.hpp"
#include "protocol/core/time.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::exercise {

struct datagram {
  flow to;
  std::string bytes;
  bool deliberate = false; // observation::deliberate
};

// Call back with (subject, what, generation). One that was cancelled is recognised by its
// generation when it comes, so nothing is ever searched for in a queue.
struct alarm {
  instant at;
  std::uint32_t subject = 0; // a transaction; 0: the user agent itself
  std::uint8_t what = 0;
  std::uint32_t generation = 0;
};

struct step {
  std::vector<datagram> sends;
  std::vector<alarm> alarms;
};

} // namespace holdfast::exercise
