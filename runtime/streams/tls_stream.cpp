#include "runtime/streams/tls_stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>

#include <stdexcept>
#include <utility>

namespace holdfast::runtime {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;

namespace {

class tls_stream final : public byte_stream, public std::enable_shared_from_this<tls_stream> {
public:
  tls_stream(tcp::socket socket, tls_context context, ssl::stream_base::handshake_type side)
      : context_{std::move(context)}, stream_{std::move(socket), *context_}, side_{side} {
    prepare(stream_.next_layer());
  }

  [[nodiscard]] ssl::stream<tcp::socket>& stream() { return stream_; }

  void handshake(on_ready done) override {
    stream_.async_handshake(
        side_, [self = shared_from_this(), done = std::move(done)](error e) { done(e); });
  }
  void read_some(std::span<char> into, on_bytes done) override {
    stream_.async_read_some(asio::buffer(into.data(), into.size()),
                            [self = shared_from_this(),
                             done = std::move(done)](error e, std::size_t n) { done(e, n); });
  }
  void write(std::string_view bytes, on_bytes done) override {
    asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()),
                      [self = shared_from_this(), done = std::move(done)](error e, std::size_t n) {
                        done(e, n);
                      });
  }
  void close() override { // without close_notify: SIP says itself where a message ends
    error ignored;
    stream_.next_layer().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.next_layer().close(ignored);
  }

private:
  tls_context context_;
  ssl::stream<tcp::socket> stream_;
  ssl::stream_base::handshake_type side_;
};

tls_context make_context(ssl::context::method method) {
  auto context = std::make_shared<ssl::context>(method);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2
                       | ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1
                       | ssl::context::no_compression);
  return context;
}

void require(const boost::system::error_code& bad, const std::string& what,
             const std::filesystem::path& file) {
  if (bad) throw std::runtime_error(what + ' ' + file.string() + ": " + bad.message());
}

} // namespace

tls_context make_tls_server_context(const std::filesystem::path& certificate,
                                    const std::filesystem::path& key) {
  auto context = make_context(ssl::context::tls_server);
  boost::system::error_code bad;
  context->use_certificate_chain_file(certificate.string(), bad);
  require(bad, "certificate of SIP over TLS", certificate);
  context->use_private_key_file(key.string(), ssl::context::pem, bad);
  require(bad, "key of SIP over TLS", key);
  if (::SSL_CTX_check_private_key(context->native_handle()) != 1)
    throw std::runtime_error("key of SIP over TLS " + key.string()
                             + ": it does not belong to the certificate " + certificate.string());
  return context;
}

tls_context make_tls_client_context(const std::filesystem::path& authorities) {
  auto context = make_context(ssl::context::tls_client);
  boost::system::error_code bad;
  if (authorities.empty()) {
    context->set_default_verify_paths(bad);
  } else {
    context->load_verify_file(authorities.string(), bad);
    require(bad, "authorities of SIP over TLS", authorities);
  }
  context->set_verify_mode(ssl::verify_peer);
  return context;
}

std::shared_ptr<byte_stream> make_tls_server_stream(tcp::socket socket, tls_context context) {
  return std::make_shared<tls_stream>(std::move(socket), std::move(context),
                                      ssl::stream_base::server);
}

std::shared_ptr<byte_stream> make_tls_client_stream(tcp::socket socket, tls_context context,
                                                    const std::string& name) {
  auto made =
      std::make_shared<tls_stream>(std::move(socket), std::move(context), ssl::stream_base::client);
  ::SSL_set_tlsext_host_name(made->stream().native_handle(), name.c_str());
  made->stream().set_verify_callback(ssl::host_name_verification{name});
  return made;
}

} // namespace holdfast::runtime
