#include "runtime/streams/stream_relay.hpp"

#include "protocol/cluster/proxy_protocol.hpp"
#include "runtime/streams/addresses.hpp"
#include "runtime/streams/byte_stream.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>

namespace holdfast::runtime {

namespace asio = boost::asio;
using asio::ip::tcp;
using error = boost::system::error_code;
using clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds sweep_interval{1};
constexpr std::chrono::milliseconds accept_pause{100}; // after the process ran out of descriptors
constexpr std::chrono::seconds proxy_connect_max{2};
constexpr std::chrono::seconds half_open_max{30}; // one side has closed, the other still speaks
constexpr std::size_t buffer_bytes = 16 * 1024;

} // namespace

class stream_relay::engine {
public:
  engine(const std::vector<endpoint>& listen, stream_limits limits) : limits_{limits}, sweep_{io_} {
    for (const auto& where : listen) {
      auto& opened = doors_.emplace_back(io_, listen_at(io_, where, "SIP over streams"));
      local_.push_back({where.host, opened.acceptor.local_endpoint().port()});
    }
    sweep();
    thread_ = std::thread{[this] { io_.run(); }};
  }

  void stop() {
    if (!thread_.joinable()) return;
    io_.stop();
    thread_.join();
  }

  void set_targets(std::vector<endpoint> proxies);

  asio::io_context io_{1};
  counters counters_;
  std::vector<endpoint> local_;

private:
  struct door {
    door(asio::io_context& io, tcp::acceptor a) : acceptor{std::move(a)}, pause{io} {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };
  // One way of a relayed connection.
  struct lane {
    tcp::socket* from = nullptr;
    tcp::socket* to = nullptr;
    std::vector<char> buffer;
    bool over = false;
    bool writing = false;
    clock::time_point write_began{};
  };
  struct relayed {
    relayed(asio::io_context& io, tcp::socket c) : client{std::move(c)}, proxy{io}, patience{io} {}
    tcp::socket client;
    tcp::socket proxy;
    std::string source; // address of the client, without its port
    endpoint target;
    asio::steady_timer patience; // until the proxy has taken it
    std::string header;
    std::size_t attempts_left = 0;
    std::array<lane, 2> lanes;
    clock::time_point half_open_since{};
    bool closed = false;
  };
  using handle = std::shared_ptr<relayed>;

  void accept(door& at);
  void take(tcp::socket client);
  void find_proxy(const handle& r);
  void greet(const handle& r);
  void read(const handle& r, std::size_t which);
  void write(const handle& r, std::size_t which, std::size_t bytes);
  void finished(const handle& r, std::size_t which);
  void close(const handle& r);
  void sweep();

  stream_limits limits_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::deque<door> doors_;
  asio::steady_timer sweep_;
  std::vector<endpoint> targets_;
  std::size_t next_ = 0;
  bool accepting_ = false;
  std::set<handle> all_;
  std::map<std::string, std::size_t> by_source_;
  std::thread thread_;
};

void stream_relay::engine::set_targets(std::vector<endpoint> proxies) {
  targets_ = std::move(proxies);
  std::vector<handle> gone;
  for (const auto& r : all_)
    if (r->target.port != 0
        && std::find(targets_.begin(), targets_.end(), r->target) == targets_.end())
      gone.push_back(r);
  for (const auto& r : gone) close(r);
  if (targets_.empty() || std::exchange(accepting_, true)) return;
  for (auto& each : doors_) accept(each);
}

void stream_relay::engine::accept(door& at) {
  at.acceptor.async_accept([this, &at](error bad, tcp::socket client) {
    if (!bad) {
      take(std::move(client));
      accept(at);
    } else if (bad != asio::error::operation_aborted) {
      at.pause.expires_after(accept_pause);
      at.pause.async_wait([this, &at](error aborted) {
        if (!aborted) accept(at);
      });
    }
  });
}

void stream_relay::engine::take(tcp::socket client) {
  error gone;
  const auto from = client.remote_endpoint(gone);
  const auto to = client.local_endpoint(gone);
  auto source = gone ? std::string{} : to_endpoint(from).host;
  const auto others = by_source_.find(source);
  const bool too_many =
      all_.size() >= limits_.connections
      || (others != by_source_.end() && others->second >= limits_.connections_of_one_source());
  if (gone || too_many || targets_.empty()) {
    ++counters_.refused;
    return;
  }
  prepare(client);
  const auto r = std::make_shared<relayed>(io_, std::move(client));
  r->source = std::move(source);
  ++by_source_[r->source];
  r->header = cluster::stream_header(to_endpoint(from), to_endpoint(to));
  r->attempts_left = targets_.size();
  all_.insert(r);
  counters_.open = all_.size();
  ++counters_.accepted;
  find_proxy(r);
}

// The next one in turn; one that does not answer is passed by.
void stream_relay::engine::find_proxy(const handle& r) {
  error ignored;
  r->proxy.close(ignored);
  const auto chosen = targets_.empty() ? endpoint{} : targets_[next_++ % targets_.size()];
  const auto address = to_asio(chosen);
  if (r->attempts_left-- == 0 || !address) {
    ++counters_.refused;
    return close(r);
  }
  r->target = chosen;
  r->patience.expires_after(proxy_connect_max);
  r->patience.async_wait([r](error aborted) {
    error unneeded;
    if (!aborted && !r->closed) r->proxy.close(unneeded);
  });
  r->proxy.async_connect(*address, [this, r](error bad) {
    r->patience.cancel();
    if (r->closed) return;
    if (bad) return find_proxy(r);
    greet(r);
  });
}

void stream_relay::engine::greet(const handle& r) {
  prepare(r->proxy);
  asio::async_write(r->proxy, asio::buffer(r->header), [this, r](error bad, std::size_t) {
    if (r->closed) return;
    if (bad) return find_proxy(r); // nothing of the client's was lost with it
    r->lanes[0].from = r->lanes[1].to = &r->client;
    r->lanes[0].to = r->lanes[1].from = &r->proxy;
    for (auto& each : r->lanes) each.buffer.resize(buffer_bytes);
    read(r, 0);
    read(r, 1);
  });
}

void stream_relay::engine::read(const handle& r, std::size_t which) {
  auto& l = r->lanes[which];
  l.from->async_read_some(asio::buffer(l.buffer), [this, r, which](error bad, std::size_t n) {
    if (r->closed) return;
    if (bad == asio::error::eof) return finished(r, which);
    if (bad) return close(r);
    write(r, which, n);
  });
}

void stream_relay::engine::write(const handle& r, std::size_t which, std::size_t bytes) {
  auto& l = r->lanes[which];
  l.writing = true;
  l.write_began = clock::now();
  asio::async_write(*l.to, asio::buffer(l.buffer.data(), bytes),
                    [this, r, which](error bad, std::size_t) {
                      r->lanes[which].writing = false;
                      if (r->closed) return;
                      if (bad) return close(r);
                      read(r, which);
                    });
}

// One side says no more; the other may, for a while.
void stream_relay::engine::finished(const handle& r, std::size_t which) {
  auto& l = r->lanes[which];
  l.over = true;
  if (r->lanes[1 - which].over) return close(r);
  r->half_open_since = clock::now();
  error ignored;
  l.to->shutdown(tcp::socket::shutdown_send, ignored);
}

void stream_relay::engine::close(const handle& r) {
  if (std::exchange(r->closed, true)) return;
  error ignored;
  r->patience.cancel();
  r->client.shutdown(tcp::socket::shutdown_both, ignored);
  r->client.close(ignored);
  r->proxy.close(ignored);
  const auto keep = r; // `r` may be the one in all_
  all_.erase(keep);
  if (const auto of = by_source_.find(keep->source); --of->second == 0) by_source_.erase(of);
  counters_.open = all_.size();
}

void stream_relay::engine::sweep() {
  const auto now = clock::now();
  const auto stuck = [&](const lane& l) {
    return l.writing && now - l.write_began > limits_.stalled;
  };
  const std::vector<handle> all{all_.begin(), all_.end()};
  for (const auto& r : all) {
    const bool half = r->lanes[0].over != r->lanes[1].over;
    if (std::any_of(r->lanes.begin(), r->lanes.end(), stuck)
        || (half && now - r->half_open_since > half_open_max))
      close(r);
  }
  sweep_.expires_after(sweep_interval);
  sweep_.async_wait([this](error aborted) {
    if (!aborted) sweep();
  });
}

// ---- from any thread
// -----------------------------------------------------------------------------

stream_relay::stream_relay(const std::vector<endpoint>& listen, stream_limits limits)
    : engine_{std::make_unique<engine>(listen, limits)} {}

stream_relay::~stream_relay() {
  stop();
}

std::vector<endpoint> stream_relay::local() const {
  return engine_->local_;
}
const stream_relay::counters& stream_relay::totals() const {
  return engine_->counters_;
}
void stream_relay::stop() {
  engine_->stop();
}
void stream_relay::set_targets(std::vector<endpoint> proxies) {
  asio::post(engine_->io_, [e = engine_.get(), p = std::move(proxies)]() mutable {
    e->set_targets(std::move(p));
  });
}

} // namespace holdfast::runtime
