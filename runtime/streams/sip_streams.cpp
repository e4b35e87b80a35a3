#include "runtime/streams/sip_streams.hpp"

#include "protocol/cluster/proxy_protocol.hpp"
#include "runtime/random_bytes.hpp"
#include "runtime/streams/addresses.hpp"
#include "runtime/streams/byte_stream.hpp"
#include "runtime/streams/sip_connection.hpp"
#include "runtime/streams/tls_identity.hpp"
#include "runtime/streams/tls_stream.hpp"
#include "runtime/streams/websocket_stream.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>

namespace holdfast::runtime {

namespace asio = boost::asio;
using asio::ip::tcp;
using error = boost::system::error_code;

namespace {

constexpr std::chrono::seconds sweep_interval{1};
constexpr std::chrono::milliseconds accept_pause{100}; // after the process ran out of descriptors
constexpr std::size_t waiting_max = 1'000;             // messages for a connection that is opened

// Where a connection leads: what a message without one is sent by.
struct way {
  endpoint peer;
  transport over;
  std::string name{}; // that its certificate was for; empty: the address, or none was asked for

  friend auto operator<=>(const way&, const way&) = default;
};

} // namespace

class sip_streams::engine final : public connection_keeper {
public:
  explicit engine(options o)
      : options_{std::move(o)},
        acceptor_{listen_at(io_, options_.inside, "streams between dispatchers and proxies")},
        local_{options_.inside.host, acceptor_.local_endpoint().port()},
        name_{options_.node + '/' + std::to_string(random_number()) + '.'},
        sweep_{io_},
        pause_{io_} {
    sweep();
    thread_ = std::thread{[this] { io_.run(); }};
  }

  void stop() {
    if (!thread_.joinable()) return;
    io_.stop();
    thread_.join();
  }

  void receive(deliver messages, report failures) {
    const bool first = !deliver_;
    deliver_ = std::move(messages);
    report_ = std::move(failures);
    if (first) accept();
  }
  void trust(std::vector<std::string> hosts) { trusted_ = {hosts.begin(), hosts.end()}; }
  void send(std::vector<actors::stream_output> messages);
  void resume() {
    for (const auto& c : std::exchange(paused_, {}))
      if (const auto living = c.lock()) living->read_on();
    paused_any_ = false;
  }

  // ---- connection_keeper
  bool arrived(std::vector<actors::stream_message> messages) override;
  void ended(sip_connection& c, std::string_view why, std::vector<std::string> tickets) override;

  asio::io_context io_{1};
  counters counters_;

private:
  struct arrival;
  struct dialing {
    tcp::socket socket;
    asio::steady_timer patience;
    std::vector<actors::stream_output> waiting;
  };

  void accept();
  void introduce(std::shared_ptr<arrival> a);
  void admit(std::shared_ptr<arrival> a);
  void adopt(std::shared_ptr<byte_stream> stream, const way& leads,
             std::vector<actors::stream_output> first);
  void send(actors::stream_output out);
  void connect(const way& to, actors::stream_output first);
  void connected(const way& to, error bad);
  void fail(std::vector<std::string> tickets);
  void fail(std::vector<actors::stream_output>& unsent);
  void sweep();
  [[nodiscard]] bool full() const {
    return connections_.size() + arriving_ + dialing_.size() >= options_.limits.connections;
  }

  options options_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  tcp::acceptor acceptor_;

public:
  const endpoint local_;

private:
  const std::string name_; // of connections, but for their number
  std::uint64_t next_ = 0;
  std::size_t arriving_ = 0;
  asio::steady_timer sweep_;
  asio::steady_timer pause_;
  deliver deliver_;
  report report_;
  std::set<std::string> trusted_;
  std::map<std::string, std::shared_ptr<sip_connection>> connections_; // by name
  std::map<way, std::string> by_way_; // the newest that leads there
  std::map<way, std::shared_ptr<dialing>> dialing_;
  std::vector<std::weak_ptr<sip_connection>> paused_;
  bool paused_any_ = false;
  std::thread thread_;
};

// ---- in
// ------------------------------------------------------------------------------------------

// A connection from a dispatcher, until its header has said whose it is.
struct sip_streams::engine::arrival {
  arrival(engine& e, tcp::socket s) : of{e}, socket{std::move(s)}, patience{e.io_} {
    ++of.arriving_;
  }
  ~arrival() { --of.arriving_; }
  arrival(const arrival&) = delete;
  arrival& operator=(const arrival&) = delete;

  engine& of;
  tcp::socket socket;
  asio::steady_timer patience;
  std::array<char, cluster::stream_header_max> header{};
  std::size_t size = 0;
};

void sip_streams::engine::accept() {
  acceptor_.async_accept([this](error bad, tcp::socket socket) {
    if (bad) {
      if (bad == asio::error::operation_aborted) return;
      pause_.expires_after(accept_pause);
      pause_.async_wait([this](error aborted) {
        if (!aborted) accept();
      });
      return;
    }
    error unknown;
    const auto from = socket.remote_endpoint(unknown);
    if (unknown || full() || !trusted_.contains(to_endpoint(from).host))
      ++counters_.refused;
    else
      introduce(std::make_shared<arrival>(*this, std::move(socket)));
    accept();
  });
}

void sip_streams::engine::introduce(std::shared_ptr<arrival> a) {
  a->patience.expires_after(options_.limits.header);
  a->patience.async_wait([weak = std::weak_ptr{a}](error aborted) {
    error ignored;
    if (const auto late = weak.lock(); late && !aborted) late->socket.close(ignored);
  });
  auto& fixed = *a;
  asio::async_read(fixed.socket, asio::buffer(fixed.header.data(), cluster::stream_header_fixed),
                   [this, a](error bad, std::size_t n) {
                     const auto size = bad ? holdfast::fail("cut short")
                                           : cluster::stream_header_size({a->header.data(), n});
                     if (!size) return void(++counters_.refused);
                     a->size = *size;
                     asio::async_read(a->socket, asio::buffer(a->header.data() + n, *size - n),
                                      [this, a](error cut, std::size_t) {
                                        if (cut) return void(++counters_.refused);
                                        admit(a);
                                      });
                   });
}

void sip_streams::engine::admit(std::shared_ptr<arrival> a) {
  a->patience.cancel();
  const auto whose = cluster::read_stream_header({a->header.data(), a->size});
  if (!whose) return void(++counters_.refused);
  ++counters_.accepted;
  const bool tls = options_.tls_port != 0 && whose->destination.port == options_.tls_port;
  if (tls && !options_.tls_server) return void(++counters_.refused);
  const bool ws =
      options_.websocket_port != 0 && whose->destination.port == options_.websocket_port;
  adopt(tls  ? make_tls_server_stream(std::move(a->socket), options_.tls_server->current())
        : ws ? make_websocket_stream(std::move(a->socket))
             : make_tcp_stream(std::move(a->socket)),
        {whose->source, tls  ? transport::tls
                        : ws ? transport::ws
                             : transport::tcp},
        {});
}

void sip_streams::engine::adopt(std::shared_ptr<byte_stream> stream, const way& leads,
                                std::vector<actors::stream_output> first) {
  const flow is{leads.peer, leads.over, name_ + std::to_string(++next_)};
  const auto c = std::make_shared<sip_connection>(std::move(stream), is, sip::keep_alive::we_answer,
                                                  *this, options_.limits);
  connections_[is.connection] = c;
  by_way_[leads] = is.connection;
  counters_.open = connections_.size();
  c->start();
  for (auto& out : first)
    if (auto ticket = out.ticket; !c->send(std::move(out.bytes), std::move(out.ticket)))
      fail(std::vector{std::move(ticket)});
}

bool sip_streams::engine::arrived(std::vector<actors::stream_message> messages) {
  const auto name = messages.front().peer.connection;
  if (deliver_(std::move(messages)) && !paused_any_) return true;
  paused_any_ = true;
  if (const auto c = connections_.find(name); c != connections_.end()) paused_.push_back(c->second);
  return false;
}

void sip_streams::engine::ended(sip_connection& c, std::string_view why,
                                std::vector<std::string> tickets) {
  spdlog::debug("streams: {} closed: {}", to_string(c.is()), why);
  const auto first = by_way_.lower_bound({c.is(), transport::udp});
  for (auto at = first; at != by_way_.end() && at->first.peer == c.is();)
    at = at->second == c.is().connection ? by_way_.erase(at) : std::next(at);
  connections_.erase(c.is().connection);
  counters_.open = connections_.size();
  fail(std::move(tickets));
}

// ---- out
// -----------------------------------------------------------------------------------------

void sip_streams::engine::send(std::vector<actors::stream_output> messages) {
  for (auto& m : messages) send(std::move(m));
}

void sip_streams::engine::send(actors::stream_output out) {
  auto found = connections_.find(out.to.connection);
  const auto name = out.to.over == transport::tls ? out.name : std::string{};
  const auto leads = [&](const endpoint& where) {
    const auto at = by_way_.find({where, out.to.over, name});
    return at == by_way_.end() ? connections_.end() : connections_.find(at->second);
  };
  if (found == connections_.end() && out.to.connection.empty()) found = leads(out.to);
  if (found == connections_.end() && out.otherwise) found = leads(*out.otherwise);
  if (found != connections_.end()) {
    const auto c = found->second; // send() may end it
    auto ticket = out.ticket;
    if (!c->send(std::move(out.bytes), std::move(out.ticket))) fail(std::vector{std::move(ticket)});
    return;
  }
  if (!out.otherwise) return fail(std::vector{std::move(out.ticket)});
  const way to{*out.otherwise, out.to.over, name};
  connect(to, std::move(out));
}

void sip_streams::engine::connect(const way& to, actors::stream_output first) {
  if (const auto under_way = dialing_.find(to); under_way != dialing_.end()) {
    auto& waiting = under_way->second->waiting;
    if (waiting.size() >= waiting_max) return fail(std::vector{std::move(first.ticket)});
    waiting.push_back(std::move(first));
    return;
  }
  const auto address = to_asio(to.peer);
  const bool speaks =
      to.over == transport::tcp || (to.over == transport::tls && options_.tls_client != nullptr);
  if (!address || !speaks || full()) {
    ++counters_.unreachable;
    return fail(std::vector{std::move(first.ticket)});
  }
  auto d = std::make_shared<dialing>(
      dialing{tcp::socket{io_}, asio::steady_timer{io_, options_.limits.connect}, {}});
  d->waiting.push_back(std::move(first));
  dialing_[to] = d;
  d->patience.async_wait([d](error aborted) {
    error ignored;
    if (!aborted) d->socket.close(ignored);
  });
  d->socket.async_connect(*address, [this, d, to](error bad) { connected(to, bad); });
}

void sip_streams::engine::connected(const way& to, error bad) {
  const auto found = dialing_.find(to);
  const auto d = found->second;
  dialing_.erase(found);
  d->patience.cancel();
  if (bad) {
    ++counters_.unreachable;
    spdlog::debug("streams: no connection to {}: {}", to_string(flow{to.peer, to.over}),
                  bad.message());
    return fail(d->waiting);
  }
  ++counters_.connected;
  adopt(to.over == transport::tls ? make_tls_client_stream(
            std::move(d->socket), options_.tls_client, to.name.empty() ? to.peer.host : to.name)
                                  : make_tcp_stream(std::move(d->socket)),
        to, std::move(d->waiting));
}

void sip_streams::engine::fail(std::vector<std::string> tickets) {
  std::erase(tickets, std::string{});
  if (!tickets.empty() && report_) report_(std::move(tickets));
}

void sip_streams::engine::fail(std::vector<actors::stream_output>& unsent) {
  std::vector<std::string> tickets;
  for (auto& each : unsent) tickets.push_back(std::move(each.ticket));
  fail(std::move(tickets));
}

void sip_streams::engine::sweep() {
  std::vector<std::shared_ptr<sip_connection>> all;
  all.reserve(connections_.size());
  for (const auto& [name, c] : connections_) all.push_back(c);
  const auto now = sip_connection::clock::now();
  for (const auto& c : all) c->check(now);
  sweep_.expires_after(sweep_interval);
  sweep_.async_wait([this](error aborted) {
    if (!aborted) sweep();
  });
}

// ---- from any thread
// -----------------------------------------------------------------------------

sip_streams::sip_streams(options o) : engine_{std::make_unique<engine>(std::move(o))} {}

sip_streams::~sip_streams() {
  stop();
}

endpoint sip_streams::local() const {
  return engine_->local_;
}
const sip_streams::counters& sip_streams::totals() const {
  return engine_->counters_;
}
void sip_streams::stop() {
  engine_->stop();
}
void sip_streams::receive(deliver messages, report failures) {
  asio::post(engine_->io_,
             [e = engine_.get(), m = std::move(messages), f = std::move(failures)]() mutable {
               e->receive(std::move(m), std::move(f));
             });
}
void sip_streams::trust(std::vector<std::string> hosts) {
  asio::post(engine_->io_,
             [e = engine_.get(), h = std::move(hosts)]() mutable { e->trust(std::move(h)); });
}
void sip_streams::send(std::vector<actors::stream_output> messages) {
  asio::post(engine_->io_,
             [e = engine_.get(), m = std::move(messages)]() mutable { e->send(std::move(m)); });
}
void sip_streams::resume() {
  asio::post(engine_->io_, [e = engine_.get()] { e->resume(); });
}

} // namespace holdfast::runtime
