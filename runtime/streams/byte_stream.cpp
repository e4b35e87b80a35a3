#include "runtime/streams/byte_stream.hpp"

#include "runtime/streams/limits.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <netinet/tcp.h>
#include <utility>

namespace holdfast::runtime {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

class tcp_stream final : public byte_stream, public std::enable_shared_from_this<tcp_stream> {
public:
  explicit tcp_stream(tcp::socket socket) : socket_{std::move(socket)} { prepare(socket_); }

  void handshake(on_ready done) override {
    asio::post(socket_.get_executor(), [done = std::move(done)] { done({}); });
  }
  void read_some(std::span<char> into, on_bytes done) override {
    socket_.async_read_some(asio::buffer(into.data(), into.size()),
                            [self = shared_from_this(),
                             done = std::move(done)](error e, std::size_t n) { done(e, n); });
  }
  void write(std::string_view bytes, on_bytes done) override {
    asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                      [self = shared_from_this(), done = std::move(done)](error e, std::size_t n) {
                        done(e, n);
                      });
  }
  void close() override {
    error ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
  }

private:
  tcp::socket socket_;
};

} // namespace

std::shared_ptr<byte_stream> make_tcp_stream(tcp::socket socket) {
  return std::make_shared<tcp_stream>(std::move(socket));
}

void prepare(tcp::socket& socket) {
  byte_stream::error ignored;
  socket.set_option(tcp::no_delay{true}, ignored);
  socket.set_option(asio::socket_base::keep_alive{true}, ignored);
  // What the kernel takes in advance of a client that does not listen is work done for nobody.
  socket.set_option(asio::socket_base::send_buffer_size{stream_limits::socket_bytes}, ignored);
  socket.set_option(asio::socket_base::receive_buffer_size{stream_limits::socket_bytes}, ignored);
  constexpr int silent_s = 60;
  constexpr int between_s = 10;
  constexpr int probes = 3;
  const auto fd = socket.native_handle();
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &silent_s, sizeof silent_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof between_s);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

} // namespace holdfast::runtime
