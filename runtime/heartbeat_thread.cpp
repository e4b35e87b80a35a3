#include "runtime/heartbeat_thread.hpp"

#include <algorithm>
#include <array>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace holdfast::runtime {

namespace {

constexpr int receive_rounds = 8; // of 64 datagrams, before the schedule is looked at again

instant now_of_node() {
  return instant{
      std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

// A heartbeat that comes late on a busy machine looks like a failure. Both need a privilege that a
// node may not have; then the ordinary priority has to do.
void ask_for_priority() {
  sched_param parameter{};
  parameter.sched_priority = 1;
  if (::pthread_setschedparam(::pthread_self(), SCHED_RR, &parameter) != 0)
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), -10);
}

} // namespace

heartbeat_thread::heartbeat_thread(const endpoint& where, const std::string& name,
                                   const cluster::settings& settings,
                                   const std::string& cluster_key)
    : socket_{where, "heartbeats"},
      wake_{make_wake_descriptor()},
      probe_answered_{clock::now().time_since_epoch().count()},
      interval_{settings.heartbeat_interval},
      unit_{node_id{name, {}}, settings.heartbeat_interval, settings.heartbeat_misses, cluster_key},
      thread_{[this] { run(); }} {}

heartbeat_thread::~heartbeat_thread() {
  stop();
}

cluster::heartbeat_counters heartbeat_thread::totals() const {
  const std::lock_guard lock{mutex_};
  return totals_;
}

void heartbeat_thread::watch(std::shared_ptr<const cluster::view> view, node_id self, listener to) {
  const std::lock_guard lock{mutex_};
  next_ = {std::move(view), std::move(self), std::move(to)}; // only the latest counts
}

void heartbeat_thread::probe_answered() {
  probe_answered_ = clock::now().time_since_epoch().count();
}

void heartbeat_thread::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    next_ = {};
  }
  wake(wake_);
  if (thread_.joinable()) thread_.join();
  resolver_.stop();
  to_ = {};
}

void heartbeat_thread::run() {
  ask_for_priority();
  auto next = clock::now() + interval_;
  for (;;) {
    std::array<pollfd, 2> watched{{{socket_.descriptor(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    const auto left = std::max(clock::duration{}, next - clock::now());
    const auto whole = std::chrono::floor<std::chrono::seconds>(left);
    const timespec time_out{whole.count(), std::chrono::nanoseconds{left - whole}.count()};
    ::ppoll(watched.data(), watched.size(), &time_out, nullptr);
    if (watched[0].revents != 0) receive(); // before the tick: it may clear a suspicion
    if (clock::now() >= next) {
      take_order();
      tick();
      next = std::max(next + interval_, clock::now()); // late: the unit judges that by itself
    }
    const std::lock_guard lock{mutex_};
    if (stopped_) return;
    totals_ = unit_.counters();
  }
}

void heartbeat_thread::take_order() {
  order latest;
  {
    const std::lock_guard lock{mutex_};
    std::swap(latest, next_);
  }
  if (!latest.view) return;
  unit_.set_view(*latest.view, latest.self, now_of_node());
  to_ = std::move(latest.to);
}

void heartbeat_thread::tick() {
  const clock::duration age =
      clock::now().time_since_epoch() - clock::duration{probe_answered_.load()};
  const auto turn = unit_.on_tick(now_of_node(), std::chrono::duration_cast<duration>(age));
  std::vector<endpoint> peers; // what `out` points to
  peers.reserve(turn.send.size());
  std::vector<udp_socket::outgoing_view> out;
  for (const auto& d : turn.send) {
    const auto peer = numeric(d.to);
    if (!peer) continue;
    peers.push_back(*peer);
    out.push_back({&peers.back(), d.bytes});
  }
  socket_.send(out);
  for (const auto& change : turn.changes)
    if (to_.changed) to_.changed(change);
}

void heartbeat_thread::receive() {
  for (int round = 0; round < receive_rounds; ++round) {
    const auto& batch = socket_.receive();
    for (const auto& d : batch)
      if (const auto ahead = unit_.on_datagram(d.bytes, now_of_node()); ahead && to_.newer_view)
        to_.newer_view(*ahead);
    if (batch.size() < udp_socket::batch_max) return;
  }
}

std::optional<endpoint> heartbeat_thread::numeric(const endpoint& e) {
  if (numeric_address(e)) return e;
  // Answers at once or keeps the answer for a later tick.
  resolver_.resolve(e.host, [this, name = e.host](const name_resolver::addresses& found) {
    const std::lock_guard lock{resolved_mutex_};
    if (found.empty())
      resolved_.erase(name);
    else
      resolved_[name] = found.front();
  });
  const std::lock_guard lock{resolved_mutex_};
  const auto it = resolved_.find(e.host);
  return it == resolved_.end() ? std::nullopt : std::optional{endpoint{it->second, e.port}};
}

} // namespace holdfast::runtime
