#include "protocol/cluster/recent_output.hpp"

#include <doctest/doctest.h>

using namespace holdfast;
using cluster::recent_output;
using requests = std::vector<recent_output::request>;

namespace {
recent_output::request named(const std::string& branch) {
  return {{shard_id{1}, session_id{2}}, branch};
}
} // namespace

TEST_CASE("recent output: what a proxy was given in its last second comes back once, in order") {
  recent_output said;
  const instant start{1h};
  said.said("proxy-1", named("old"), start);
  said.said("proxy-1", named("a"), start + 600ms);
  said.said("proxy-2", named("other"), start + 700ms);
  said.said("proxy-1", named("b"), start + 800ms);
  CHECK(said.take("proxy-1", start + 1500ms) == requests{named("a"), named("b")});
  CHECK(said.take("proxy-1", start + 1500ms).empty());
  CHECK(said.take("proxy-2", start + 1500ms) == requests{named("other")});
}

TEST_CASE("recent output: it keeps no more than its bound, and the oldest go first") {
  recent_output said;
  const instant start{1h};
  for (std::size_t i = 0; i < recent_output::requests_max + 10; ++i)
    said.said("proxy-1", named(std::to_string(i)), start);
  CHECK(said.size() == recent_output::requests_max);
  CHECK(said.take("proxy-1", start).front() == named("10"));
}
