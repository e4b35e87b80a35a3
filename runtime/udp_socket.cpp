#include "runtime/udp_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <sys/uio.h>

namespace holdfast::runtime {

struct udp_socket::receive_buffers {
  std::vector<char> space = std::vector<char>(batch_max * datagram_bytes_max);
  std::array<sockaddr_storage, batch_max> peers{};
  std::array<iovec, batch_max> slices{};
  std::array<mmsghdr, batch_max> headers{};
};

udp_socket::udp_socket(const endpoint& where, std::string_view purpose)
    : fd_{open_bound(where, SOCK_DGRAM, purpose)}, local_{bound_endpoint(fd_, where)} {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&storage), &length);
  family_ = storage.ss_family;
  const int bytes = kernel_buffer_bytes;
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

udp_socket::~udp_socket() = default;

const std::vector<udp_socket::datagram_view>& udp_socket::receive() {
  if (!buffers_) buffers_ = std::make_unique<receive_buffers>();
  auto& b = *buffers_;
  for (std::size_t i = 0; i < batch_max; ++i) {
    b.slices[i] = {&b.space[i * datagram_bytes_max], datagram_bytes_max};
    b.headers[i] = {};
    b.headers[i].msg_hdr.msg_name = &b.peers[i];
    b.headers[i].msg_hdr.msg_namelen = sizeof b.peers[i];
    b.headers[i].msg_hdr.msg_iov = &b.slices[i];
    b.headers[i].msg_hdr.msg_iovlen = 1;
  }
  received_.clear();
  // Nothing there, a signal, or an ICMP error of an earlier send: in every case there is nothing to
  // hand over, and the socket goes on.
  const int got = ::recvmmsg(fd_.get(), b.headers.data(), batch_max, MSG_DONTWAIT, nullptr);
  for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got); ++i)
    received_.push_back(
        {to_endpoint(b.peers[i]), {&b.space[i * datagram_bytes_max], b.headers[i].msg_len}});
  counters_.received += received_.size();
  return received_;
}

void udp_socket::send(std::span<const outgoing_view> datagrams) {
  while (!datagrams.empty()) {
    const auto count = std::min(datagrams.size(), batch_max);
    send_batch(datagrams.first(count));
    datagrams = datagrams.subspan(count);
  }
}

void udp_socket::send_batch(std::span<const outgoing_view> datagrams) {
  std::array<socket_address, batch_max> peers{};
  std::array<iovec, batch_max> slices{};
  std::array<mmsghdr, batch_max> headers{};
  std::size_t ready = 0;
  for (const auto& d : datagrams) {
    auto address = numeric_address(*d.peer);
    if (address) address = for_family(*address, family_);
    if (!address) {
      ++counters_.refused;
      continue;
    }
    peers[ready] = *address;
    slices[ready] = {const_cast<char*>(d.bytes.data()), d.bytes.size()}; // sendmmsg only reads
    headers[ready].msg_hdr.msg_name = &peers[ready].storage;
    headers[ready].msg_hdr.msg_namelen = peers[ready].length;
    headers[ready].msg_hdr.msg_iov = &slices[ready];
    headers[ready].msg_hdr.msg_iovlen = 1;
    ++ready;
  }
  std::size_t done = 0;
  int complaints = 0; // an error may be the echo of an earlier datagram: try this one once more
  while (done < ready) {
    const int sent = ::sendmmsg(fd_.get(), &headers[done], static_cast<unsigned>(ready - done),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      counters_.sent += static_cast<std::uint64_t>(sent);
      complaints = 0;
    } else if (errno == EAGAIN || errno == ENOBUFS) {
      counters_.dropped += ready - done;
      return;
    } else if (errno != EINTR && ++complaints > 1) {
      ++counters_.refused;
      ++done;
      complaints = 0;
    }
  }
}

} // namespace holdfast::runtime
