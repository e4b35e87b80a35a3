#include "runtime/tls_scribe.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/native_socket.hpp>
#include <caf/io/network/stream_impl.hpp>

#include <utility>

namespace holdfast::runtime {

namespace {

using caf::io::network::native_socket;
using caf::io::network::rw_state;

// How CAF's stream moves bytes. Nothing moved and no failure: it polls again.
class tls_policy {
public:
  explicit tls_policy(tls_connection tls) : tls_{std::move(tls)} {}

  rw_state read_some(std::size_t& moved, native_socket, void* buffer, std::size_t size) {
    moved = 0;
    if (size == 0) return rw_state::indeterminate;
    return tls_.read(buffer, size, moved) ? rw_state::success : rw_state::failure;
  }
  rw_state write_some(std::size_t& moved, native_socket, const void* bytes, std::size_t size) {
    moved = 0;
    if (size == 0) return rw_state::indeterminate;
    return tls_.write(bytes, size, moved) ? rw_state::success : rw_state::failure;
  }
  // The socket does not become readable for what is decrypted already.
  bool must_read_more(native_socket, std::size_t threshold) {
    return tls_.pending() > 0 && tls_.pending() >= threshold;
  }

private:
  tls_connection tls_;
};

class tls_scribe final : public caf::io::scribe {
public:
  tls_scribe(caf::io::network::default_multiplexer& backend, native_socket fd, tls_connection tls)
      : caf::io::scribe(caf::io::network::conn_hdl_from_socket(fd)),
        stream_{backend, fd, std::move(tls)} {}

  void configure_read(caf::io::receive_policy::config config) override {
    stream_.configure_read(config);
    if (std::exchange(launched_, true)) return;
    stream_.start(this);
  }
  void ack_writes(bool enable) override { stream_.ack_writes(enable); }
  std::vector<char>& wr_buf() override { return stream_.wr_buf(); }
  std::vector<char>& rd_buf() override { return stream_.rd_buf(); }
  void graceful_shutdown() override {
    stream_.graceful_shutdown();
    detach(&stream_.backend(), false);
  }
  void flush() override { stream_.flush(this); }
  std::string addr() const override {
    auto address = caf::io::network::remote_addr_of_fd(stream_.fd());
    return address ? *address : std::string{};
  }
  std::uint16_t port() const override {
    auto number = caf::io::network::remote_port_of_fd(stream_.fd());
    return number ? *number : std::uint16_t{0};
  }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }

private:
  bool launched_ = false;
  caf::io::network::stream_impl<tls_policy> stream_;
};

} // namespace

caf::io::scribe_ptr make_tls_scribe(caf::actor_system& system, file_descriptor connection,
                                    tls_connection tls) {
  auto& backend =
      dynamic_cast<caf::io::network::default_multiplexer&>(system.middleman().backend());
  return caf::make_counted<tls_scribe>(backend, connection.release(), std::move(tls));
}

} // namespace holdfast::runtime
