// What somebody who watches a registration (RFC 6665, RFC 3680) has asked and been told. A value;
// the user agent moves it.
#pragma once

#include "protocol/core/time.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::simulations {

struct subscription {
  struct wish { // a SUBSCRIBE: the first makes it, the others renew it
    instant at{};
    std::string branch;
    int status = 0; // 0: none yet
  };
  struct word { // a NOTIFY; copies of it are none
    instant at{};
    std::uint32_t cseq = 0;
    std::uint32_t version = 0; // of its document
    bool active = false;
  };

  std::string agent;
  std::string user; // who is watched
  std::string call_id;
  std::string local_tag;
  std::string remote; // To, with its tag
  std::string remote_target;
  std::uint32_t cseq = 0;
  std::vector<wish> wishes;
  std::vector<word> told;

  [[nodiscard]] bool stands() const { return !wishes.empty() && wishes.front().status / 100 == 2; }
};

} // namespace holdfast::simulations
