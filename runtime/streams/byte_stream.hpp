// A connection as bytes both ways, whatever carries them: TCP, or TLS over it. All functions and
// all callbacks belong to the thread that runs the socket's io_context; callbacks never come from
// within the call, and after close() not at all but with an error.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

namespace holdfast::runtime {

class byte_stream {
public:
  using error = boost::system::error_code;
  using on_ready = std::function<void(error)>;
  using on_bytes = std::function<void(error, std::size_t)>;

  virtual ~byte_stream() = default;

  virtual void handshake(on_ready done) = 0;
  // At least one byte, or an error (the end among them). One at a time.
  virtual void read_some(std::span<char> into, on_bytes done) = 0;
  // All of it; the bytes stay the caller's until then. One at a time.
  virtual void write(std::string_view bytes, on_bytes done) = 0;
  virtual void close() = 0;
  // What one read_some() gave is one message (WebSocket), and one write() makes one.
  [[nodiscard]] virtual bool keeps_boundaries() const { return false; }
};

// The socket is connected.
[[nodiscard]] std::shared_ptr<byte_stream> make_tcp_stream(boost::asio::ip::tcp::socket socket);

// No delay, and the kernel asks a silent peer whether it is still there.
void prepare(boost::asio::ip::tcp::socket& socket);

} // namespace holdfast::runtime
