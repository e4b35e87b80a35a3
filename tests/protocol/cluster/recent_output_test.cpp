#include "protocol/cluster/recent_output.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using cluster::recent_output;
using strings = std::vector<std::string>;

TEST_CASE("recent output: what a proxy was given in its last second comes back once, in order") {
  recent_output said;
  const instant start{1h};
  said.said("proxy-1", "old", start);
  said.said("proxy-1", "a", start + 600ms);
  said.said("proxy-2", "other", start + 700ms);
  said.said("proxy-1", "b", start + 800ms);
  CHECK(said.take("proxy-1", start + 1500ms) == strings{"a", "b"});
  CHECK(said.take("proxy-1", start + 1500ms).empty());
  CHECK(said.take("proxy-2", start + 1500ms) == strings{"other"});
}

TEST_CASE("recent output: it keeps no more than its bound, and the oldest go first") {
  recent_output said;
  const instant start{1h};
  for (std::size_t i = 0; i < recent_output::messages_max + 10; ++i)
    said.said("proxy-1", std::to_string(i), start);
  CHECK(said.size() == recent_output::messages_max);
  CHECK(said.take("proxy-1", start).front() == "10");
}
