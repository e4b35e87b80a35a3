// What the actors need from outside and what simulations/ replaces: transport, clock, entropy,
// ledger, process control; nothing else (design, "One code, two worlds"). The clock is the actor
// system's own (caf::actor_clock), which both worlds control.
//
// No function here blocks. Results come back as messages to the actor that asked; an actor that
// ended in the meantime just does not get them. All functions may be called from any actor.
#pragma once

#include "actors/messages.hpp"

#include <caf/actor.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::actors {

class world {
public:
  virtual ~world() = default;

  // ---- entropy
  [[nodiscard]] virtual std::uint64_t random() = 0;

  // ---- transport: SIP
  // Incoming datagrams of `socket` go to `receiver` as datagrams_received.
  virtual void receive_datagrams(socket_name socket, caf::actor receiver) = 0;
  // Best effort, as UDP is. Destinations are numeric. False: the socket is not open here.
  virtual bool send_datagrams(socket_name socket, std::vector<datagram> datagrams) = 0;
  // Streams end at the proxy; a dispatcher relays their bytes. Messages of this node's connections
  // go to `receiver` as stream_messages_received, what could not be sent as stream_sends_failed. Of
  // the connections that are relayed here only those from these hosts are taken.
  virtual void receive_streams(caf::actor receiver) = 0;
  virtual void trust_relays(std::vector<std::string> hosts) = 0;
  virtual void send_streams(std::vector<stream_output> messages) = 0;
  // Connections to the public address go to one of these, in turn; those that lead elsewhere are
  // closed. None: nobody is let in.
  virtual void relay_streams(std::vector<endpoint> proxies) = 0;
  // Answered by name_resolved.
  virtual void resolve(std::string name, caf::actor reply_to) = 0;

  // ---- transport: links
  // From now on authenticated links that peers open arrive at `hub` as link_established. The hub is
  // what the remote end gets as its remote_hub.
  virtual void accept_links(caf::actor hub) = 0;
  // Opens one authenticated link; `hub` gets link_established or link_failed within a second.
  // An empty `peer` accepts whatever name the other end proves (a coordinator known by address).
  virtual void dial(std::string peer, endpoint address, caf::actor hub) = 0;

  // ---- transport: heartbeats, a path of their own beside the links
  // Suspicions go to `hub` as peer_suspected, newer views as newer_view_seen. The unit watches and
  // greets the members of `view` (as seen by `self`) from the next tick on.
  virtual void watch(shared_view view, node_id self, caf::actor hub) = 0;
  // A probe actor answered just now: the age of this travels in every heartbeat.
  virtual void probe_answered() = 0;

  // ---- ledger (coordinator only)
  virtual void ledger_load(caf::actor reply_to) = 0;
  // Writes `bytes` as view `number` if the ledger still holds `number - 1` (or nothing, for 1);
  // synced before ledger_written says so.
  virtual void ledger_compare_and_swap(std::uint64_t number, std::string bytes,
                                       caf::actor reply_to) = 0;

  // ---- process control (coordinator only)
  // Ends of supervised processes arrive at `receiver` as process_ended.
  virtual void observe_processes(caf::actor receiver) = 0;
  // SIGKILL; process_ended follows when the death is certain. False: nobody supervises it here.
  virtual bool kill_process(const std::string& name, std::int64_t pid) = 0;

  // ---- for operators
  // CPU time of this process so far, and of noting one message (measured once, by doing it).
  struct effort {
    duration worked{};
    std::chrono::nanoseconds noting_each{};
  };
  [[nodiscard]] virtual std::optional<effort> effort_so_far() const { return std::nullopt; }

  // This node can not be trusted any more: it ends at once and lets failover work.
  virtual void fail_stop(std::string_view why) = 0;
};

} // namespace holdfast::actors
