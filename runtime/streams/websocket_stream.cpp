#include "runtime/streams/websocket_stream.hpp"

#include "protocol/sip/message_view.hpp"
#include "protocol/sip/text.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace holdfast::runtime {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::ip::tcp;

namespace {

constexpr std::uint32_t handshake_bytes_max = 16 * 1024;

bool offers_sip(std::string_view list) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (sip::text::same(sip::text::trim(list.substr(0, comma)), "sip")) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

class websocket_stream final : public byte_stream,
                               public std::enable_shared_from_this<websocket_stream> {
public:
  explicit websocket_stream(tcp::socket socket) : socket_{std::move(socket)} {
    prepare(socket_.next_layer());
    parser_.header_limit(handshake_bytes_max);
    parser_.body_limit(0);
    socket_.read_message_max(sip::message_size_max);
    socket_.set_option(websocket::stream_base::decorator(
        [](websocket::response_type& r) { r.set(http::field::sec_websocket_protocol, "sip"); }));
  }

  void handshake(on_ready done) override {
    http::async_read(socket_.next_layer(), buffer_, parser_,
                     [self = shared_from_this(), done = std::move(done)](error bad, std::size_t) {
                       if (bad) return done(bad);
                       self->answer(done);
                     });
  }

  void read_some(std::span<char> into, on_bytes done) override {
    socket_.async_read(
        buffer_, [self = shared_from_this(), into, done = std::move(done)](error bad, std::size_t) {
          const auto n = std::min(into.size(), self->buffer_.size());
          std::memcpy(into.data(), self->buffer_.cdata().data(), n);
          self->buffer_.consume(self->buffer_.size());
          done(bad, n);
        });
  }

  void write(std::string_view bytes, on_bytes done) override {
    // RFC 7118 5.1: either kind; text has to be UTF-8, and a body need not be.
    socket_.binary(std::any_of(bytes.begin(), bytes.end(),
                               [](char c) { return static_cast<unsigned char>(c) >= 0x80; }));
    socket_.async_write(asio::buffer(bytes.data(), bytes.size()),
                        [self = shared_from_this(),
                         done = std::move(done)](error bad, std::size_t n) { done(bad, n); });
  }

  void close() override { // without the closing handshake: what is wrong is seldom willing
    error ignored;
    socket_.next_layer().shutdown(tcp::socket::shutdown_both, ignored);
    socket_.next_layer().close(ignored);
  }

  [[nodiscard]] bool keeps_boundaries() const override { return true; }

private:
  void answer(const on_ready& done) {
    const auto& request = parser_.get();
    const auto offered = request[http::field::sec_websocket_protocol];
    if (!websocket::is_upgrade(request) || !offers_sip({offered.data(), offered.size()}))
      return refuse(done);
    buffer_.consume(buffer_.size());
    socket_.async_accept(request, [self = shared_from_this(), done](error bad) { done(bad); });
  }

  void refuse(const on_ready& done) {
    refusal_ = {http::status::bad_request, 11};
    refusal_.set(http::field::content_type, "text/plain");
    refusal_.body() = "SIP over WebSocket: offer the subprotocol \"sip\" (RFC 7118)\n";
    refusal_.keep_alive(false);
    refusal_.prepare_payload();
    http::async_write(socket_.next_layer(), refusal_,
                      [self = shared_from_this(), done](error, std::size_t) {
                        done(websocket::error::upgrade_declined);
                      });
  }

  websocket::stream<tcp::socket> socket_;
  beast::flat_buffer buffer_;
  http::request_parser<http::string_body> parser_;
  http::response<http::string_body> refusal_;
};

} // namespace

std::shared_ptr<byte_stream> make_websocket_stream(tcp::socket socket) {
  return std::make_shared<websocket_stream>(std::move(socket));
}

} // namespace holdfast::runtime
