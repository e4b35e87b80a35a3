// SIP messages over streams, between the world and the proxy actor. Nothing of CAF in here: what
// touches the sockets speaks of these too.
#pragma once

#include "protocol/core/flow.hpp"

#include <optional>
#include <string>
#include <vector>

namespace holdfast::actors {

// Messages that came over streams (TCP, TLS, WebSocket), in the order of each connection.
struct stream_message {
  flow peer;
  std::string bytes;
};
struct stream_messages_received {
  std::vector<stream_message> messages;
};

// A message to send over a stream: over the connection that `to` names, or if it names none over
// one that leads to its address; if there is none, one to `otherwise` is opened.
struct stream_output {
  flow to;
  std::optional<endpoint> otherwise; // numeric; absent: then it can not be sent
  std::string bytes;
  std::string ticket; // comes back if it could not be sent; empty: nobody wants to know
  std::string name{}; // whom a certificate has to be for (RFC 5922); empty: the address
};
struct stream_sends_failed {
  std::vector<std::string> tickets;
};

} // namespace holdfast::actors
