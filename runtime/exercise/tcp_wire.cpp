#include "runtime/exercise/tcp_wire.hpp"

#include "protocol/sip/parser.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "runtime/exercise/udp_socket.hpp"
#include "runtime/socket_address.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <variant>

namespace holdfast::exercise {

namespace {

std::string transaction_of(const sip::message& m) {
  const auto top = m.top_via();
  const auto number = m.cseq();
  return top && number ? top->branch() + ' ' + number->method : std::string{};
}

void no_delay(const runtime::file_descriptor& fd) {
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

} // namespace

tcp_wire::tcp_wire(const endpoint& address, std::uint32_t connections)
    : listener_{runtime::open_bound(address, SOCK_STREAM, "user agents")}, lines_max_{connections} {
  if (::listen(listener_.get(), SOMAXCONN) != 0)
    throw std::runtime_error("cannot listen at " + to_string(address));
  local_ = runtime::bound_endpoint(listener_, address);
}

void tcp_wire::wait_for(std::vector<pollfd>& events) const {
  events.push_back({listener_.get(), POLLIN, 0});
  for (const auto& c : all_) {
    const bool writes = c->connecting || !c->unsent.empty();
    events.push_back({c->fd.get(), static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0});
  }
}

void tcp_wire::work() {
  accept_all();
  const auto all = all_;
  for (const auto& c : all) {
    if (!c->connecting) read(c);
    if (!c->gone) write(*c);
  }
  drop_the_gone();
  for (auto& [to, lines] : lines_)
    for (auto& l : lines) mend(to, l);
}

// A response goes over the connection its request came on; to a request we choose by Call-ID.
void tcp_wire::send(const flow& to, const std::string& bytes) {
  const auto m = sip::parse(bytes);
  if (!m) return;
  const auto back = std::find_if(all_.begin(), all_.end(),
                                 [&](const auto& c) { return c->is == to && !c->gone; });
  if (m->is_response()) {
    if (back != all_.end()) {
      (*back)->unsent += bytes;
      return write(**back);
    }
    const auto top = m->top_via(); // RFC 3261 18.2.2
    if (!top) return;
    all_.push_back(dial(sip::response_destination(*top)));
    all_.back()->unsent += bytes;
    return;
  }
  auto& lines = lines_[to];
  if (lines.empty()) lines.resize(lines_max_);
  auto& l = lines[std::hash<std::string>{}(m->call_id()) % lines.size()];
  if (!m->is("ACK")) l.unanswered[transaction_of(*m)] = bytes;
  if (!l.now) {
    if (l.lost_at == clock::time_point{}) l.lost_at = clock::now();
    return mend(to, l);
  }
  l.now->unsent += bytes;
  write(*l.now);
}

// Connects again and repeats what has no answer yet.
void tcp_wire::mend(const endpoint& to, line& l) {
  if (l.now || l.unanswered.empty() || clock::now() < l.next_try) return;
  if (clock::now() - l.lost_at > patience) return l.unanswered.clear();
  l.next_try = clock::now() + retry_interval;
  l.now = dial(to);
  all_.push_back(l.now);
  for (const auto& [transaction, bytes] : l.unanswered) l.now->unsent += bytes;
}

std::shared_ptr<tcp_wire::connection> tcp_wire::dial(const endpoint& to) {
  auto c = std::make_shared<connection>();
  c->is = named(to);
  c->framing = sip::stream_framing{sip::keep_alive::we_ask};
  const auto address = runtime::numeric_address(to);
  if (address)
    c->fd = runtime::file_descriptor{
        ::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!c->fd) {
    c->gone = true;
    return c;
  }
  no_delay(c->fd);
  c->connecting = ::connect(c->fd.get(), address->get(), address->length) != 0;
  c->gone = c->connecting && errno != EINPROGRESS;
  c->was_up = !c->connecting;
  return c;
}

flow tcp_wire::named(const endpoint& peer) {
  return {peer, transport::tcp, std::to_string(++last_)};
}

void tcp_wire::accept_all() {
  for (;;) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    runtime::file_descriptor fd{::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from),
                                          &size, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd) return;
    no_delay(fd);
    auto c = std::make_shared<connection>();
    c->is = named(runtime::to_endpoint(from));
    c->fd = std::move(fd);
    all_.push_back(std::move(c));
  }
}

void tcp_wire::read(const std::shared_ptr<connection>& c) {
  std::array<char, 16 * 1024> buffer;
  while (!c->gone) {
    const auto n = ::recv(c->fd.get(), buffer.data(), buffer.size(), 0);
    if (n > 0) {
      c->framing.push({buffer.data(), static_cast<std::size_t>(n)});
      take(c);
    } else {
      c->gone = n == 0 || (errno != EAGAIN && errno != EINTR);
      return;
    }
  }
}

void tcp_wire::take(const std::shared_ptr<connection>& c) {
  for (;;) {
    const auto next = c->framing.next();
    if (const auto* message = std::get_if<sip::stream_message>(&next)) {
      received_.emplace_back(c->is, std::string{message->bytes});
      answered(received_.back().second);
    } else if (std::holds_alternative<sip::ping>(next)) {
      c->unsent += sip::pong_bytes;
    } else if (std::holds_alternative<sip::broken>(next)) {
      c->gone = true;
      return;
    } else if (std::holds_alternative<sip::incomplete>(next)) {
      return;
    }
  }
}

void tcp_wire::answered(const std::string& bytes) {
  const auto m = sip::parse(bytes);
  if (!m || !m->is_response() || m->status < 200) return;
  const auto transaction = transaction_of(*m);
  for (auto& [to, lines] : lines_)
    for (auto& l : lines) l.unanswered.erase(transaction);
}

void tcp_wire::write(connection& c) {
  if (c.connecting) {
    pollfd ready{c.fd.get(), POLLOUT, 0};
    if (::poll(&ready, 1, 0) <= 0) return;
    int bad = 0;
    socklen_t size = sizeof bad;
    ::getsockopt(c.fd.get(), SOL_SOCKET, SO_ERROR, &bad, &size);
    c.gone = bad != 0;
    c.connecting = false;
    c.was_up = !c.gone;
    if (c.gone) return;
  }
  while (!c.unsent.empty()) {
    const auto n = ::send(c.fd.get(), c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL);
    if (n > 0) {
      c.unsent.erase(0, static_cast<std::size_t>(n));
    } else {
      c.gone = errno != EAGAIN && errno != EINTR;
      return;
    }
  }
}

void tcp_wire::drop_the_gone() {
  std::erase_if(all_, [](const auto& c) { return c->gone; });
  for (auto& [to, lines] : lines_)
    for (auto& l : lines)
      if (l.now && l.now->gone) {
        if (l.now->was_up) l.lost_at = clock::now();
        l.now = nullptr;
      }
}

std::optional<flow> tcp_wire::receive(std::string& bytes) {
  if (received_.empty()) return std::nullopt;
  auto source = std::move(received_.front().first);
  bytes = std::move(received_.front().second);
  received_.pop_front();
  return source;
}

std::unique_ptr<wire> open_wire(transport over, const endpoint& address,
                                std::uint32_t connections) {
  if (is_reliable(over)) return std::make_unique<tcp_wire>(address, connections);
  return std::make_unique<udp_socket>(address);
}

} // namespace holdfast::exercise
