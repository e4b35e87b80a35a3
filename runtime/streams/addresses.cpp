#include "runtime/streams/addresses.hpp"

#include "runtime/socket_address.hpp"

#include <boost/asio/io_context.hpp>

#include <stdexcept>
#include <string>

namespace holdfast::runtime {

namespace asio = boost::asio;
using asio::ip::tcp;

endpoint to_endpoint(const tcp::endpoint& e) {
  auto address = e.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return {address.to_string(), e.port()};
}

std::optional<tcp::endpoint> to_asio(const endpoint& e) {
  boost::system::error_code bad;
  const auto address = asio::ip::make_address(e.host, bad);
  if (bad) return std::nullopt;
  return tcp::endpoint{address, e.port};
}

tcp::acceptor listen_at(asio::io_context& io, const endpoint& where, std::string_view purpose) {
  auto fd = open_bound(where, SOCK_STREAM, purpose);
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &length);
  tcp::acceptor acceptor{io, storage.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd.release()};
  boost::system::error_code bad;
  acceptor.listen(asio::socket_base::max_listen_connections, bad);
  if (bad)
    throw std::runtime_error("cannot listen on TCP " + to_string(where) + " for "
                             + std::string{purpose} + ": " + bad.message());
  return acceptor;
}

} // namespace holdfast::runtime
