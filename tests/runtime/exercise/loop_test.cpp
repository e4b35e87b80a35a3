// The whole thing on real sockets of the loopback interface, on ports the kernel picks.
#include "runtime/exercise/loop.hpp"
#include "runtime/exercise/report.hpp"
#include "runtime/exercise/tcp_wire.hpp"
#include "runtime/exercise/udp_socket.hpp"

#include <doctest/doctest.h>

namespace holdfast::exercise::test {

namespace {

void exercise_over(transport over) {
  const auto callers = open_wire(over, {"127.0.0.1", 0}, 4);
  const auto callees = open_wire(over, {"127.0.0.1", 0}, 4);
  plan p;
  p.over = over;
  p.registers = false;
  p.caller_address = callers->local();
  p.callee_address = callees->local();
  p.target = callees->local();
  p.target_host = to_string(callees->local());
  p.calls = 20;
  p.extra_calls = 4;
  p.rate = 400;
  p.hold = 100ms;
  p.ring = 10ms;
  p.settle = 150ms; // the repeated 2xx comes 100 ms after the ACK
  p.probe_window = 50ms;
  p.probe = probe_kind::mix;
  p.fault = true;
  p.seed = 11;
  run r{p};
  const auto outcome = drive(r, *callers, *callees, "exit 3", false);
  CHECK(r.obstacle() == "");
  const auto v = decide(r.seen());
  CHECK_MESSAGE(v.clean(), table(v, r.seen()));
  CHECK(v.stable_at_fault == 20);
  CHECK(v.first.gap.count == 20);
  CHECK(v.extra.established == 4);
  CHECK(outcome.fault_exit == 3);
  CHECK(outcome.fault_time_ms.value_or(0) > 1'600'000'000'000);
}

} // namespace

TEST_CASE("exercise: callers and callees over loopback, with a fault that harms nobody") {
  exercise_over(transport::udp);
}

TEST_CASE("exercise: the same over TCP") {
  exercise_over(transport::tcp);
}

TEST_CASE("udp socket: a name is resolved, a wrong address refused with its reason") {
  CHECK(resolve({"127.0.0.1", 5060}) == endpoint{"127.0.0.1", 5060});
  CHECK(source_address_for({"127.0.0.1", 5060}) == "127.0.0.1");
  CHECK_THROWS_AS(udp_socket({"no address", 0}), std::runtime_error);
}

} // namespace holdfast::exercise::test
