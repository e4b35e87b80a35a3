// Endpoints as Asio wants them, and back.
#pragma once

#include "protocol/core/endpoint.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <optional>
#include <string_view>

namespace holdfast::runtime {

// An IPv4 address that came through an IPv6 socket is an IPv4 address.
[[nodiscard]] endpoint to_endpoint(const boost::asio::ip::tcp::endpoint& e);
// nullopt: the host is a name.
[[nodiscard]] std::optional<boost::asio::ip::tcp::endpoint> to_asio(const endpoint& e);

// Bound and listening. Throws std::runtime_error that names purpose and address.
[[nodiscard]] boost::asio::ip::tcp::acceptor
listen_at(boost::asio::io_context& io, const endpoint& where, std::string_view purpose);

} // namespace holdfast::runtime
