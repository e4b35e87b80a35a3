// The network dispatcher: the one address of the cluster (design, "Who does what"). It knows which
// proxies live and nothing of SIP.
//
//   client --datagram--> dispatcher --PROXY v2 (client, us) + datagram--> proxy
//   client <--datagram-- dispatcher <--PROXY v2 (us, client) + datagram-- proxy
#pragma once

#include "actors/role.hpp"
#include "actors/world.hpp"
#include "protocol/cluster/flow_table.hpp"

#include <cstdint>
#include <set>
#include <string>

namespace holdfast::actors {

struct dispatcher_options {
  world* outside = nullptr;
  std::string name;
  endpoint advertised;
};

class dispatcher : public role_actor {
public:
  dispatcher(caf::actor_config& config, dispatcher_options options);

  caf::behavior make_behavior() override;
  const char* name() const override { return "dispatcher"; }

private:
  void on_view() override;
  std::string state_line() const override;
  bool describe(const describe_yourself& question, cluster::picture& into) override;
  void from_clients(const datagrams_received& in);
  void from_proxies(const datagrams_received& in);
  void note(bool in, const endpoint& agent, std::string_view bytes);

  dispatcher_options options_;
  cluster::flow_table flows_;
  std::set<endpoint> proxies_;
  cluster::sighting_ring seen_;
  std::uint64_t dropped_ = 0;
  std::uint64_t untrusted_ = 0;
};

} // namespace holdfast::actors
