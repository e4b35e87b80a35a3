// Names for what is unique in a message, so that a trace can be read and stays the same when the
// entropy does not: tokens "{atlanta-1}", branches "branch=b3", nonces "nonce-1".
#pragma once

#include "protocol/cluster/token.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scenarios {

class symbols {
public:
  void add_ring(std::string cluster, holdfast::cluster::token_ring ring);
  // A header value, or any text, with names in place of what is unique.
  [[nodiscard]] std::string plain(std::string_view text);

private:
  std::string name_for(const std::string& kind, std::string_view what);
  // The name of the token that `text` begins with; empty: there is none.
  std::string token_at(std::string_view text);
  std::string without_tokens(std::string_view text);

  std::vector<std::pair<std::string, holdfast::cluster::token_ring>> rings_;
  std::map<std::string, std::string, std::less<>> names_;
  std::map<std::string, int> counts_;
};

} // namespace scenarios
