// TLS over a connected socket; see byte_stream.hpp.
#pragma once

#include "runtime/streams/byte_stream.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace boost::asio::ssl {
class context;
}

namespace holdfast::runtime {

using tls_context = std::shared_ptr<boost::asio::ssl::context>;

// TLS 1.2 or later. Throws std::runtime_error that names the file which can not be used, or says
// that certificate and key do not belong together.
[[nodiscard]] tls_context make_tls_server_context(const std::filesystem::path& certificate,
                                                  const std::filesystem::path& key);
// For connections that we open. With `authorities` the peer has to prove its name by one of them;
// empty: by those of the system.
[[nodiscard]] tls_context make_tls_client_context(const std::filesystem::path& authorities);

[[nodiscard]] std::shared_ptr<byte_stream>
make_tls_server_stream(boost::asio::ip::tcp::socket socket, tls_context context);
// `name`: what the certificate has to be for, a host name or an address.
[[nodiscard]] std::shared_ptr<byte_stream>
make_tls_client_stream(boost::asio::ip::tcp::socket socket, tls_context context,
                       const std::string& name);

} // namespace holdfast::runtime
