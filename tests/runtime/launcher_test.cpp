#include "runtime/launcher_node.hpp"
#include "runtime/node_identity.hpp"

#include <doctest/doctest.h>

#include <csignal>

using namespace holdfast;
using namespace holdfast::runtime;
using namespace std::chrono_literals;

TEST_CASE("launcher: a node is started again at once, then after 0.2 s, doubling up to 5 s") {
  restart_backoff backoff;
  for (const auto expected : {0ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5000ms, 5000ms})
    CHECK(backoff.next(1s) == expected);
  CHECK(backoff.next(30s) == 0ms); // it was up for a while
  CHECK(backoff.next(1s) == 200ms);
}

TEST_CASE("launcher: how a process ended is said in words") {
  CHECK(process_exit{.code = 78, .signal = 0}.text() == "exit code 78");
  CHECK(process_exit{.code = 0, .signal = SIGKILL}.text() == "killed by signal 9 (Killed)");
}

TEST_CASE("node: the role stands in front of the last dash") {
  CHECK(role_of_name("container-12") == cluster::role::container);
  CHECK(role_of_name("coordinator-1") == cluster::role::coordinator);
  for (const auto* name : {"", "container", "container-", "-1", "cat-1"}) {
    CAPTURE(name);
    CHECK_FALSE(role_of_name(name));
  }
}
