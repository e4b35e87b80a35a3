// SIP over WebSocket (RFC 7118), server side: one WebSocket message is one SIP message. See
// byte_stream.hpp.
#pragma once

#include "runtime/streams/byte_stream.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace holdfast::runtime {

// The handshake is refused (400) unless the client offers the subprotocol "sip" (RFC 7118 4.1). A
// SIP message above message_size_max ends the connection.
[[nodiscard]] std::shared_ptr<byte_stream>
make_websocket_stream(boost::asio::ip::tcp::socket socket);

} // namespace holdfast::runtime
