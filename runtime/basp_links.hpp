// Hands a connection whose ends have proved themselves to CAF's BASP broker, the way CAF's own
// tests do; no BASP port is ever opened.
//
//   acceptor   publish(scribe, port, hub)   BASP sends its server handshake, which names the hub
//   dialer     connect(scribe, port)        BASP answers it; the dialer gets the hub of the peer
//
// What BASP does with them (basp_broker.cpp and instance.cpp of a neighbouring version; the tests
// are against the installed 0.17.6):
// - `port` is only a key for the published actor: publishing again replaces the entry. One key for
//   all links of a node, so nothing grows with reconnects.
// - Per connection it keeps a context and a routing entry, dropped when the connection ends, with
// all
//   proxies of that node (their monitors hear of it). Per CAF node id ever seen it keeps one small
//   "spawn server" actor: a restarted process costs its peers about a kilobyte, a reconnect
//   nothing.
// - A second connection to a node that it has a route to: the dialer's broker answers the request
// with
//   the proxy over the *existing* route and closes the new connection. If that route is dead and
//   not yet noticed, the link is established in name only; the hub's hello then goes unanswered,
//   and the heartbeat time-out of BASP clears the way. If only the acceptor has such a dead route,
//   the new connection is cut by the same time-out. Dial again; it heals within link_time_out.
// - Two connections that cross are the worst case: each end routes over another one. link_exchange
//   prevents them.
// - A connection handed to connect() counts as last heard at the beginning of time: when BASP's
//   heartbeat ticks before the server handshake came, it fails with connection_timeout. Once is bad
//   luck: dial again at once.
#pragma once

#include "actors/messages.hpp"
#include "runtime/file_descriptor.hpp"
#include "runtime/link_tls.hpp"

#include <caf/actor.hpp>
#include <caf/error.hpp>
#include <caf/fwd.hpp>
#include <caf/io/scribe.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace holdfast::runtime {

class basp_links {
public:
  // `key`: any number; the same for every publish() of this node.
  basp_links(caf::actor_system& system, std::uint16_t key);

  // Neither blocks. The connection is non-blocking and BASP's from here on.
  // With `tls` its bytes go through that, whose handshake is done.
  void publish(file_descriptor connection, std::optional<tls_connection> tls,
               const caf::actor& hub);

  struct outcome {
    caf::actor remote_hub; // invalid: failed
    std::string why;
    bool unlucky = false; // worth another dial at once
  };
  // `done` runs in an actor of CAF's, within two seconds.
  void connect(file_descriptor connection, std::optional<tls_connection> tls,
               std::function<void(outcome)> done);

private:
  [[nodiscard]] caf::io::scribe_ptr scribe_of(file_descriptor connection,
                                              std::optional<tls_connection> tls);

  caf::actor_system& system_;
  caf::actor basp_;
  std::uint16_t key_;
};

} // namespace holdfast::runtime
