#include "runtime/link_exchange.hpp"

#include "runtime/random_bytes.hpp"
#include "runtime/socket_address.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <utility>

namespace holdfast::runtime {

namespace {

constexpr int listen_backlog = 128;
constexpr int accepts_a_round = 16;
constexpr std::chrono::milliseconds accept_pause{100}; // out of descriptors: do not spin
constexpr std::chrono::seconds complaint_interval{5};

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

// The kernel gives a dead connection up within about a second, idle or not.
void tune(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 1000);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 2);
}

} // namespace

link_exchange::link_exchange(const endpoint& where, std::string own_name, security how)
    : own_name_{std::move(own_name)},
      security_{std::move(how)},
      listener_{open_bound(where, SOCK_STREAM, "links between nodes")},
      local_{bound_endpoint(listener_, where)},
      wake_{make_wake_descriptor()} {
  // A key or a name that no handshake can use is to be heard of now.
  (void)link_handshake::dial(security_.cluster_key, own_name_, {},
                             random_bytes(link_handshake::nonce_bytes));
  if (::listen(listener_.get(), listen_backlog) != 0)
    throw std::runtime_error("cannot listen on TCP " + to_string(local_)
                             + " for links between nodes: " + describe_errno(errno));
  thread_ = std::thread{[this] { run(); }};
}

link_exchange::~link_exchange() {
  stop();
}

void link_exchange::accept(accepted_callback accepted) {
  const std::lock_guard lock{mutex_};
  if (stopped_) return;
  new_accepted_ = std::move(accepted);
  wake(wake_);
}

void link_exchange::dial(std::string peer, endpoint address, dial_callback done) {
  const std::lock_guard lock{mutex_};
  if (stopped_) return;
  orders_.push_back({std::move(peer), std::move(address), std::move(done)});
  wake(wake_);
}

void link_exchange::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  wake(wake_);
  if (thread_.joinable()) thread_.join();
  pending_.clear();
  orders_.clear();
  accepted_ = nullptr;
  new_accepted_ = nullptr;
}

void link_exchange::run() {
  for (;;) {
    poll_once();
    {
      const std::lock_guard lock{mutex_};
      if (stopped_) return;
    }
    take_orders();
    expire(clock::now());
    counters_.open_handshakes = pending_.size();
  }
}

void link_exchange::poll_once() {
  const bool listening = accepted_ && clock::now() >= no_accept_before_;
  std::vector<pollfd> watched{{wake_.get(), POLLIN, 0},
                              {listener_.get(), static_cast<short>(listening ? POLLIN : 0), 0}};
  std::vector<pending*> owners;
  for (auto& p : pending_) {
    const bool writing = p.securing ? p.tls_writing : p.connecting || !p.output.empty();
    watched.push_back({p.fd.get(), static_cast<short>(writing ? POLLOUT : POLLIN), 0});
    owners.push_back(&p);
  }
  if (::poll(watched.data(), watched.size(), poll_time_out()) <= 0) return;
  if (watched[0].revents != 0) drain(wake_);
  for (std::size_t i = 0; i < owners.size(); ++i)
    // An earlier one may have ended this one: two dials that crossed.
    if (watched[i + 2].revents != 0 && !owners[i]->over)
      advance(*owners[i], watched[i + 2].revents);
  if (listening && watched[1].revents != 0) accept_waiting();
}

int link_exchange::poll_time_out() const {
  auto next = clock::time_point::max();
  for (const auto& p : pending_) next = std::min(next, p.deadline);
  if (accepted_ && no_accept_before_ > clock::now()) next = std::min(next, no_accept_before_);
  if (next == clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
}

void link_exchange::take_orders() {
  std::vector<dial_order> orders;
  {
    const std::lock_guard lock{mutex_};
    orders.swap(orders_);
    if (new_accepted_) accepted_ = std::exchange(new_accepted_, nullptr);
  }
  for (auto& order : orders) begin_dial(std::move(order));
}

void link_exchange::begin_dial(dial_order order) {
  const auto refuse = [&](std::string why) { order.done(fail(std::move(why))); };
  const auto outgoing = std::count_if(pending_.begin(), pending_.end(),
                                      [](const pending& p) { return !p.incoming(); });
  if (static_cast<std::size_t>(outgoing) >= outgoing_max)
    return refuse("too many links are being opened already");
  if (!order.peer.empty() && lately(order.peer, true))
    return refuse(order.peer + " has just opened a link itself");
  const auto address = numeric_address(order.address);
  if (!address) return refuse(to_string(order.address) + " is not a numeric address");
  file_descriptor fd{::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return refuse("no socket: " + describe_errno(errno));
  tune(fd.get());
  if (::connect(fd.get(), address->get(), address->length) != 0 && errno != EINPROGRESS)
    return refuse("cannot connect to " + to_string(order.address) + ": " + describe_errno(errno));
  pending_.push_back({std::move(fd),
                      {},
                      prepared(link_handshake::dial(security_.cluster_key, own_name_, order.peer,
                                                    random_bytes(link_handshake::nonce_bytes))),
                      clock::now() + handshake_time_out,
                      std::move(order.address),
                      std::move(order.done),
                      std::move(order.peer),
                      true});
}

void link_exchange::accept_waiting() {
  for (int i = 0; i < accepts_a_round; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    file_descriptor fd{::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from), &length,
                                 SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (fd) {
      begin_incoming(std::move(fd), to_endpoint(from));
    } else {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        no_accept_before_ = clock::now() + accept_pause;
      return;
    }
  }
}

void link_exchange::begin_incoming(file_descriptor fd, endpoint from) {
  const auto is_open = [](const pending& p) { return p.incoming() && !p.over; };
  if (static_cast<std::size_t>(std::count_if(pending_.begin(), pending_.end(), is_open))
      >= incoming_max)
    give_up(*std::find_if(pending_.begin(), pending_.end(), is_open),
            "others came meanwhile, and only " + std::to_string(incoming_max)
                + " may be unfinished");
  tune(fd.get());
  std::optional<tls_connection> tls;
  if (security_.tls != nullptr) tls = security_.tls->begin(fd.get(), true);
  const bool securing = tls.has_value();
  pending_.push_back(
      {std::move(fd),
       std::move(tls),
       prepared(link_handshake::accept(security_.cluster_key, own_name_,
                                       random_bytes(link_handshake::nonce_bytes),
                                       [this](const std::string& peer) { return admit(peer); })),
       clock::now() + handshake_time_out,
       std::move(from),
       {},
       {}});
  pending_.back().securing = securing;
}

link_handshake link_exchange::prepared(link_handshake made) const {
  if (!security_.likeness.empty()) made.set_likeness(security_.likeness);
  return made;
}

void link_exchange::advance(pending& p, short events) {
  if (p.connecting) {
    if (!finish_connect(p)) return;
    if (security_.tls == nullptr) {
      p.output = p.handshake.take_output();
    } else {
      p.tls = security_.tls->begin(p.fd.get(), false);
      p.securing = true;
      if (!secure(p)) return;
    }
  } else if (p.securing) {
    if (!secure(p)) return;
  } else if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && p.output.empty()) {
    read(p);
    if (p.over) return;
  }
  if (!write(p)) return;
  if (p.handshake.failed())
    give_up(p, p.handshake.why());
  else if (p.handshake.done() && p.output.empty())
    finish(p);
}

bool link_exchange::finish_connect(pending& p) {
  int code = 0;
  socklen_t length = sizeof code;
  ::getsockopt(p.fd.get(), SOL_SOCKET, SO_ERROR, &code, &length);
  p.connecting = code != 0;
  if (code != 0)
    give_up(p, "cannot connect to " + to_string(p.address) + ": " + describe_errno(code));
  return code == 0;
}

// True: the other end has shown a certificate of our authority, and the proof of the key can begin.
bool link_exchange::secure(pending& p) {
  switch (p.tls->handshake()) {
  case tls_connection::progress::want_read:
    p.tls_writing = false;
    return false;
  case tls_connection::progress::want_write:
    p.tls_writing = true;
    return false;
  case tls_connection::progress::failed:
    give_up(p, to_string(p.address) + ": " + p.tls->why());
    return false;
  case tls_connection::progress::done:
    break;
  }
  p.securing = false;
  const auto certified = p.tls->peer();
  if (!p.dialed.empty() && certified != p.dialed) {
    give_up(p, to_string(p.address) + " has the certificate of "
                   + (certified.empty() ? "no node" : certified) + ", not of " + p.dialed);
    return false;
  }
  p.handshake.require_certified_name(certified);
  p.output = p.handshake.take_output();
  return true;
}

// 0: nothing there now; -1: closed or broken.
std::ptrdiff_t link_exchange::receive(pending& p, char* buffer, std::size_t size) {
  if (p.tls) {
    std::size_t moved = 0;
    return p.tls->read(buffer, size, moved) ? static_cast<std::ptrdiff_t>(moved) : -1;
  }
  for (;;) {
    const auto got = ::recv(p.fd.get(), buffer, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return 0;
    return got > 0 ? got : -1;
  }
}

std::ptrdiff_t link_exchange::transmit(pending& p) {
  if (p.tls) {
    std::size_t moved = 0;
    return p.tls->write(p.output.data(), p.output.size(), moved)
               ? static_cast<std::ptrdiff_t>(moved)
               : -1;
  }
  for (;;) {
    const auto sent = ::send(p.fd.get(), p.output.data(), p.output.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return 0;
    return sent;
  }
}

void link_exchange::read(pending& p) {
  std::array<char, 128> buffer{};
  while (!p.over && p.handshake.wanted() != 0) {
    const auto got = receive(p, buffer.data(), std::min(buffer.size(), p.handshake.wanted()));
    if (got == 0) break;
    if (got < 0)
      return give_up(p, to_string(p.address) + " closed during the handshake"
                            + (p.incoming() ? "" : ": another cluster key?"));
    p.handshake.on_bytes({buffer.data(), static_cast<std::size_t>(got)});
  }
  p.output += p.handshake.take_output();
}

bool link_exchange::write(pending& p) {
  while (!p.output.empty()) {
    const auto sent = transmit(p);
    if (sent == 0) break;
    if (sent < 0) {
      give_up(p, to_string(p.address) + " closed during the handshake");
      return false;
    }
    p.output.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

void link_exchange::finish(pending& p) {
  p.over = true;
  const auto& peer = p.handshake.peer();
  if (!p.incoming() && lately(peer, true)) // a dial that did not know whom it would reach
    return p.done(fail(peer + " has just opened a link itself"));
  handed_[peer] = {p.incoming(), clock::now() + crossing_hold};
  if (p.incoming()) {
    ++counters_.accepted;
    accepted_({peer, std::move(p.fd), std::move(p.tls)});
  } else {
    ++counters_.dialed;
    p.done(link{peer, std::move(p.fd), std::move(p.tls)});
  }
}

void link_exchange::give_up(pending& p, const std::string& why) {
  p.over = true;
  p.tls.reset();
  p.fd.close();
  ++counters_.refused;
  if (p.incoming())
    complain(p, why);
  else
    p.done(fail(why));
}

void link_exchange::expire(clock::time_point now) {
  for (auto& p : pending_)
    if (!p.over && p.deadline <= now)
      give_up(p, to_string(p.address) + " did not finish the handshake in "
                     + std::to_string(handshake_time_out.count()) + " ms");
  pending_.remove_if([](const pending& p) { return p.over; });
  std::erase_if(handed_, [&](const auto& entry) { return entry.second.until <= now; });
}

bool link_exchange::admit(const std::string& peer) {
  if (lately(peer, false)) return false;
  const auto own = std::find_if(pending_.begin(), pending_.end(), [&](const pending& p) {
    return !p.incoming() && !p.over && (p.dialed == peer || p.handshake.peer() == peer);
  });
  if (own == pending_.end()) return true;
  if (own_name_ < peer) return false;
  give_up(*own, peer + " is opening a link with this node itself");
  return true;
}

bool link_exchange::lately(const std::string& peer, bool incoming) {
  const auto it = handed_.find(peer);
  return it != handed_.end() && it->second.incoming == incoming && it->second.until > clock::now();
}

void link_exchange::complain(const pending& p, const std::string& why) {
  if (clock::now() < no_complaint_before_) {
    ++silent_complaints_;
    return;
  }
  spdlog::warn("link from {} refused: {} ({} more since the last such line)", to_string(p.address),
               why, silent_complaints_);
  no_complaint_before_ = clock::now() + complaint_interval;
  silent_complaints_ = 0;
}

} // namespace holdfast::runtime
