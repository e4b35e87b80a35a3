// The world of a node in the product: real sockets, real time, real files (design, "One code, two
// worlds"). Everything that may block runs in a thread of its own; an actor never waits here.
//
//   outside, inside   one thread each: recvmmsg -> datagrams_received      (udp_socket.hpp)
//   relay, streams    one thread: SIP over TCP and TLS at dispatcher, proxy (streams/)
//   links             one thread: poll over all handshakes, then BASP      (link_exchange.hpp)
//   heartbeats        one thread: the pure heartbeat unit on a UDP socket  (heartbeat_thread.hpp)
//   ledger            one thread: write, fsync, rename                     (file_ledger.hpp)
//   launcher          one thread: the socketpair to the launcher           (process_channel.hpp)
//   names             one thread: getaddrinfo                              (name_resolver.hpp)
//
// It outlives every actor that was given it, and is destroyed before the actor system:
//
//   caf::actor_system system{config};
//   real_world world{system, options};
//   ... spawn, run, end the actors, system.await_all_actors_done() ...
//   world.stop();
#pragma once

#include "actors/world.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/endpoint.hpp"
#include "runtime/certificates.hpp"
#include "runtime/etcd_ledger.hpp"
#include "runtime/streams/sip_streams.hpp"

#include <caf/fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::runtime {

struct real_world_options {
  std::string name; // of this node; what it proves to its peers

  std::optional<endpoint> outside;             // UDP: the public address
  std::optional<endpoint> inside;              // UDP: dispatcher <-> proxy
  std::vector<endpoint> relay;                 // TCP: public addresses of a dispatcher
  std::optional<sip_streams::options> streams; // of a proxy
  stream_limits limits{};                      // of the relay
  endpoint links{"127.0.0.1", 0};              // TCP: where peers open links
  endpoint heartbeats{"127.0.0.1", 0};         // UDP
  // Port 0 means any free one. Hosts are numeric addresses or names.

  std::string cluster_key;                       // at least 16 bytes; never logged
  std::optional<certificate_paths> certificates; // with them links are under TLS, and only so
  cluster::settings settings;
  std::optional<std::filesystem::path> ledger_file; // none: the ledger is memory alone
  std::optional<etcd_options> etcd;                 // instead of a file
  int control_fd = -1; // the socketpair to the launcher; owned from here on; -1: no launcher
};

// What has happened since the start; for the console and for tests.
struct real_world_counters {
  struct datagrams {
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0; // the kernel's send buffer was full
    std::uint64_t refused = 0; // no such destination, or too large
    std::uint64_t waits = 0;   // times the receiver was so far behind that reading paused
  };
  struct link_totals {
    std::uint64_t accepted = 0;
    std::uint64_t dialed = 0;
    std::uint64_t refused = 0; // garbage, wrong key, wrong name, no answer in time, crossing
    std::uint64_t open_handshakes = 0;
  };
  struct heartbeat_totals {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t rejected = 0; // forged, malformed, replayed, from strangers
  };
  datagrams outside;
  datagrams inside;
  link_totals links;
  heartbeat_totals heartbeats;
};

class real_world final : public actors::world {
public:
  // Opens everything. Throws std::runtime_error with a sentence for an operator: which address or
  // file, and what the system said.
  real_world(caf::actor_system& system, real_world_options options);
  ~real_world() override; // stops
  real_world(const real_world&) = delete;
  real_world& operator=(const real_world&) = delete;

  // What was bound, for the node card. Hosts as configured, ports as given by the system.
  [[nodiscard]] endpoint links_endpoint() const;
  [[nodiscard]] endpoint heartbeats_endpoint() const;
  [[nodiscard]] std::optional<endpoint> outside_endpoint() const;
  [[nodiscard]] std::optional<endpoint> inside_endpoint() const;
  [[nodiscard]] std::optional<endpoint> streams_endpoint() const;
  [[nodiscard]] bool supervised() const; // a launcher is at the other end of control_fd

  [[nodiscard]] real_world_counters counters() const;

  // Joins every thread and forgets every actor; idempotent. Links that are up stay with BASP. From
  // then on requests are not answered and nothing arrives.
  void stop();

  // ---- actors::world
  [[nodiscard]] std::uint64_t random() override;
  void receive_datagrams(actors::socket_name socket, caf::actor receiver) override;
  bool send_datagrams(actors::socket_name socket, std::vector<actors::datagram> out) override;
  void receive_streams(caf::actor receiver) override;
  void trust_relays(std::vector<std::string> hosts) override;
  void send_streams(std::vector<actors::stream_output> messages) override;
  void relay_streams(std::vector<endpoint> proxies) override;
  void resolve(std::string name, caf::actor reply_to) override;
  void accept_links(caf::actor hub) override;
  void dial(std::string peer, endpoint address, caf::actor hub) override;
  void watch(actors::shared_view view, node_id self, caf::actor hub) override;
  void probe_answered() override;
  void ledger_load(caf::actor reply_to) override;
  void ledger_compare_and_swap(std::uint64_t number, std::string bytes,
                               caf::actor reply_to) override;
  void observe_processes(caf::actor receiver) override;
  bool kill_process(const std::string& name, std::int64_t pid) override;
  [[nodiscard]] std::optional<effort> effort_so_far() const override;
  void fail_stop(std::string_view why) override; // logs and ends the process with exit code 70

private:
  struct parts;
  std::shared_ptr<parts> parts_;
};

} // namespace holdfast::runtime
