// The messages between actors of one node. Only `frame` ever travels to another node; the rest is
// local and may carry handles.
#pragma once

#include "actors/stream_messages.hpp"
#include "protocol/cluster/frames.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/flow.hpp"

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/node_id.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::actors {

// The one message type of a link (design, "Links").
struct frame {
  static constexpr std::uint16_t current_version = 1;

  std::uint16_t version = current_version;
  std::uint8_t kind = 0; // cluster::frame_kind
  std::string bytes;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, frame& x) {
  return f(caf::meta::type_name("frame"), x.version, x.kind, x.bytes);
}

// ---- runtime (or simulation) -> actors ----------------------------------------------------------

// Datagrams that came in on the SIP socket `socket` of this node, in order of arrival.
enum class socket_name : std::uint8_t {
  outside = 0, // the dispatcher's public address
  inside = 1   // dispatcher <-> proxy, PROXY protocol v2 in front of every datagram
};
struct datagram {
  endpoint peer; // source when received, destination when sent; numeric
  std::string bytes;
};
struct datagrams_received {
  socket_name socket = socket_name::outside;
  std::vector<datagram> datagrams;
};

// A link came up: the remote end's hub. `peer` is the name that was proved in the handshake.
struct link_established {
  std::string peer;
  caf::actor remote_hub;
};
struct link_failed {
  std::string peer;
  std::string why;
};

// From the heartbeat unit of this node.
struct peer_suspected {
  node_id peer;
  bool suspected = true; // false: heard again
};
// A peer knows a newer view than we do.
struct newer_view_seen {
  std::string peer;
  view_number number;
};

// From process control: this process is gone for certain (pidfd, waitpid).
struct process_ended {
  std::string name;
  std::int64_t pid = 0;
};

// From the ledger, in answer to load() and compare_and_swap().
struct ledger_loaded {
  bool found = false;
  std::string bytes; // the encoded view, and what belongs to it
  std::string error; // not empty: the ledger could not be read
};
struct ledger_written {
  std::uint64_t number = 0; // the view number that was to be written
  bool written = false;
  std::string error; // why not: lost the race, or cannot be reached
};

// A host name that was to be resolved; no addresses: failed.
struct name_resolved {
  std::string name;
  std::vector<std::string> addresses;
};

// ---- inside a node
// --------------------------------------------------------------------------------

using shared_view = std::shared_ptr<const cluster::view>;

struct view_changed {
  shared_view now;
};

// The hub tells the roles of its node which peers can be reached, and through which link actor.
struct link_up {
  std::string peer;
  caf::actor link;
  caf::node_id node; // CAF's name of the peer: where remote spawn goes
};
struct link_down {
  std::string peer;
  caf::actor link; // the one that ended
};

// Something for a peer, to its link.
struct outgoing {
  cluster::frame_kind kind = cluster::frame_kind::batch;
  std::string bytes;
};

// What a peer sent, in order; the part of one batch that concerns one role. `link` gets a
// batch_done when it is dealt with: that is what gives the peer its credit back.
struct incoming {
  std::string peer;
  std::vector<cluster::frame_item> items;
  caf::actor link;
  std::uint32_t batch = 0;
};
struct batch_done {
  std::uint32_t batch = 0;
};

// The peer of this link takes SIP more slowly than it comes: admit nothing new for it.
struct link_congested {
  std::string peer;
  bool congested = true;
};

struct tick {};

} // namespace holdfast::actors

#define HOLDFAST_LOCAL_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(holdfast::actors::type)

HOLDFAST_LOCAL_MESSAGE(datagrams_received)
HOLDFAST_LOCAL_MESSAGE(stream_messages_received)
HOLDFAST_LOCAL_MESSAGE(stream_sends_failed)
HOLDFAST_LOCAL_MESSAGE(link_established)
HOLDFAST_LOCAL_MESSAGE(link_failed)
HOLDFAST_LOCAL_MESSAGE(peer_suspected)
HOLDFAST_LOCAL_MESSAGE(newer_view_seen)
HOLDFAST_LOCAL_MESSAGE(process_ended)
HOLDFAST_LOCAL_MESSAGE(ledger_loaded)
HOLDFAST_LOCAL_MESSAGE(ledger_written)
HOLDFAST_LOCAL_MESSAGE(name_resolved)
HOLDFAST_LOCAL_MESSAGE(view_changed)
HOLDFAST_LOCAL_MESSAGE(outgoing)
HOLDFAST_LOCAL_MESSAGE(incoming)
HOLDFAST_LOCAL_MESSAGE(batch_done)
HOLDFAST_LOCAL_MESSAGE(link_up)
HOLDFAST_LOCAL_MESSAGE(link_down)
HOLDFAST_LOCAL_MESSAGE(link_congested)
HOLDFAST_LOCAL_MESSAGE(tick)
