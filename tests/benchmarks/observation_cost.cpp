// Calls through a whole cluster of the product's actors in one thread, for callgrind to count:
//   observation_cost CALLS on|off     whether actors note what they do ([console] observe)
// The virtual time is the same whatever CALLS is, so that the difference to 0 is what calls cost.
#include "tests/actors/phone.hpp"

#include <cstdlib>
#include <iostream>
#include <string_view>

using namespace holdfast;
using phones::phone;

namespace {

constexpr int calls_max = 200;
constexpr duration time_of_a_call{100ms};

bool place_a_call(simulations::simulation& run, phone& alice) {
  const auto invite = alice.invite("sip:bob@example.com");
  run.run_for(time_of_a_call / 2);
  const auto bye = alice.in_dialog("BYE");
  run.run_for(time_of_a_call / 2);
  return alice.status(invite) == 200 && alice.status(bye) == 200;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int calls = std::atoi(argv[1]);
  if (calls < 0 || calls > calls_max) return 2;
  actors::set_observing(std::string_view{argv[2]} == "on");
  simulations::simulation run{{.seed = 11}};
  if (!run.run_until([&] { return run.ready(); }, 20s)) return 1;
  phone bob{run, {"192.0.2.20", 5060}, "bob"};
  phone alice{run, {"192.0.2.10", 5060}, "alice"};
  (void)bob.enroll(3600);
  run.run_for(1s);
  int good = 0;
  for (int i = 0; i < calls; ++i) good += place_a_call(run, alice) ? 1 : 0;
  run.run_for(time_of_a_call * (calls_max - calls) + 40s); // 64*T1, so that nothing is left
  std::cout << good << " calls, " << run.events() << " events\n";
  return good == calls ? 0 : 1;
}
