#include "runtime/real_world.hpp"

#include "actors/observed.hpp"
#include "protocol/core/keyed_hash.hpp"
#include "runtime/basp_links.hpp"
#include "runtime/datagram_feed.hpp"
#include "runtime/file_ledger.hpp"
#include "runtime/heartbeat_thread.hpp"
#include "runtime/link_exchange.hpp"
#include "runtime/name_resolver.hpp"
#include "runtime/process_channel.hpp"
#include "runtime/random_bytes.hpp"
#include "runtime/stream_feed.hpp"
#include "runtime/streams/stream_relay.hpp"
#include "runtime/udp_socket.hpp"

#include <caf/actor_system.hpp>
#include <caf/node_id.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include <atomic>
#include <ctime>
#include <mutex>
#include <unistd.h>
#include <utility>

namespace holdfast::runtime {

namespace {

constexpr int exit_launcher_gone = 3;
constexpr int exit_failed = 70; // EX_SOFTWARE of sysexits.h

[[noreturn]] void end_process(int code) {
  spdlog::default_logger()->flush();
  ::_exit(code); // no destructors: they would wait for what can not be trusted any more
}

// A SIP socket and what reads it.
struct fed_socket {
  fed_socket(caf::actor_system& system, const endpoint& where, actors::socket_name name,
             std::string_view purpose)
      : socket{where, purpose}, feed{system, socket, name} {}

  udp_socket socket;
  datagram_feed feed;
};

std::unique_ptr<fed_socket> open_if(caf::actor_system& system, const std::optional<endpoint>& where,
                                    actors::socket_name name, std::string_view purpose) {
  return where ? std::make_unique<fed_socket>(system, *where, name, purpose) : nullptr;
}

// Machine and process number, as CAF sees them.
std::string likeness_of(const caf::actor_system& system) {
  return hmac_sha256("holdfast likeness", to_string(system.node()))
      .substr(0, link_handshake::likeness_bytes);
}

std::unique_ptr<ledger> open_ledger(const real_world_options& o) {
  if (o.etcd) return std::make_unique<etcd_ledger>(*o.etcd);
  return std::make_unique<file_ledger>(o.ledger_file);
}

void count(const fed_socket* from, real_world_counters::datagrams& to) {
  if (from == nullptr) return;
  const auto& totals = from->socket.totals();
  to = {totals.received, totals.sent, totals.dropped, totals.refused, from->feed.waits()};
}

} // namespace

struct real_world::parts : std::enable_shared_from_this<real_world::parts> {
  parts(caf::actor_system& system, const real_world_options& o)
      : outside{open_if(system, o.outside, actors::socket_name::outside, "SIP from outside")},
        inside{open_if(system, o.inside, actors::socket_name::inside,
                       "datagrams between dispatchers and proxies")},
        relay{o.relay.empty() ? nullptr : std::make_unique<stream_relay>(o.relay, o.limits)},
        streams{o.streams ? std::make_unique<stream_feed>(system, *o.streams) : nullptr},
        tls{o.certificates ? std::make_unique<link_tls>(*o.certificates, o.name) : nullptr},
        links{o.links, o.name, {o.cluster_key, tls.get(), likeness_of(system)}},
        basp{system, links.local().port},
        heartbeats{o.heartbeats, o.name, o.settings, o.cluster_key},
        ledger{open_ledger(o)},
        noting_each{actors::cost_of_noting(system)} {
    if (o.control_fd < 0) return;
    launcher = std::make_unique<process_channel>(
        file_descriptor{o.control_fd}, [this](const process_end& end) { on_process_end(end); },
        [] {
          spdlog::critical("the launcher is gone: this node ends, so that none is left behind");
          end_process(exit_launcher_gone);
        });
  }

  [[nodiscard]] fed_socket* socket(actors::socket_name name) const {
    return name == actors::socket_name::outside ? outside.get() : inside.get();
  }

  void open_link(const std::string& peer, const endpoint& address, const caf::actor& hub,
                 int attempts_left);
  void on_process_end(const process_end& end);

  std::unique_ptr<fed_socket> outside;
  std::unique_ptr<fed_socket> inside;
  std::unique_ptr<stream_relay> relay;
  std::unique_ptr<stream_feed> streams;
  std::unique_ptr<link_tls> tls;
  link_exchange links;
  basp_links basp;
  heartbeat_thread heartbeats;
  std::unique_ptr<runtime::ledger> ledger;
  std::chrono::nanoseconds noting_each;
  name_resolver resolver;
  std::unique_ptr<process_channel> launcher;
  std::mutex observer_mutex;
  caf::actor observer; // of processes; under observer_mutex
};

void real_world::parts::open_link(const std::string& peer, const endpoint& address,
                                  const caf::actor& hub, int attempts_left) {
  // BASP answers in an actor, perhaps when this world is no more.
  auto weak = weak_from_this();
  links.dial(peer, address, [=, this](result<link_exchange::link> opened) {
    if (!opened) {
      caf::anon_send(hub, actors::link_failed{peer, opened.error().what});
      return;
    }
    basp.connect(std::move(opened->connection), std::move(opened->tls),
                 [=, proved = opened->peer](const basp_links::outcome& outcome) {
                   const auto self = weak.lock();
                   if (outcome.remote_hub)
                     caf::anon_send(hub, actors::link_established{proved, outcome.remote_hub});
                   else if (self && outcome.unlucky && attempts_left > 0)
                     self->open_link(peer, address, hub, attempts_left - 1);
                   else
                     caf::anon_send(hub, actors::link_failed{peer, outcome.why});
                 });
  });
}

void real_world::parts::on_process_end(const process_end& end) {
  const std::lock_guard lock{observer_mutex};
  if (observer) caf::anon_send(observer, actors::process_ended{end.name, end.pid});
}

real_world::real_world(caf::actor_system& system, real_world_options options)
    : parts_{std::make_shared<parts>(system, options)} {}

real_world::~real_world() {
  stop();
}

endpoint real_world::links_endpoint() const {
  return parts_->links.local();
}
endpoint real_world::heartbeats_endpoint() const {
  return parts_->heartbeats.local();
}

std::optional<endpoint> real_world::outside_endpoint() const {
  return parts_->outside ? std::optional{parts_->outside->socket.local()} : std::nullopt;
}

std::optional<endpoint> real_world::inside_endpoint() const {
  return parts_->inside ? std::optional{parts_->inside->socket.local()} : std::nullopt;
}

std::optional<endpoint> real_world::streams_endpoint() const {
  return parts_->streams ? std::optional{parts_->streams->streams().local()} : std::nullopt;
}

bool real_world::supervised() const {
  return parts_->launcher != nullptr;
}

real_world_counters real_world::counters() const {
  real_world_counters c;
  count(parts_->outside.get(), c.outside);
  count(parts_->inside.get(), c.inside);
  const auto& links = parts_->links.totals();
  c.links = {links.accepted, links.dialed, links.refused, links.open_handshakes};
  const auto beats = parts_->heartbeats.totals();
  c.heartbeats = {beats.sent, beats.received,
                  beats.forged + beats.malformed + beats.replayed + beats.strangers};
  return c;
}

void real_world::stop() {
  auto& p = *parts_;
  if (p.outside) p.outside->feed.stop();
  if (p.inside) p.inside->feed.stop();
  if (p.relay) p.relay->stop();
  if (p.streams) p.streams->stop();
  p.resolver.stop();
  p.links.stop();
  p.heartbeats.stop();
  p.ledger->stop();
  if (p.launcher) p.launcher->stop();
  const std::lock_guard lock{p.observer_mutex};
  p.observer = nullptr;
}

std::uint64_t real_world::random() {
  return random_number();
}

void real_world::receive_datagrams(actors::socket_name socket, caf::actor receiver) {
  if (auto* open = parts_->socket(socket)) open->feed.deliver_to(std::move(receiver));
}

bool real_world::send_datagrams(actors::socket_name socket, std::vector<actors::datagram> out) {
  auto* open = parts_->socket(socket);
  if (open == nullptr) return false;
  std::vector<udp_socket::outgoing_view> views;
  views.reserve(out.size());
  for (const auto& d : out) views.push_back({&d.peer, d.bytes});
  open->socket.send(views);
  return true;
}

void real_world::receive_streams(caf::actor receiver) {
  if (parts_->streams) parts_->streams->deliver_to(receiver);
}

void real_world::trust_relays(std::vector<std::string> hosts) {
  if (parts_->streams) parts_->streams->streams().trust(std::move(hosts));
}

void real_world::send_streams(std::vector<actors::stream_output> messages) {
  if (parts_->streams) parts_->streams->streams().send(std::move(messages));
}

void real_world::relay_streams(std::vector<endpoint> proxies) {
  if (parts_->relay) parts_->relay->set_targets(std::move(proxies));
}

void real_world::resolve(std::string name, caf::actor reply_to) {
  parts_->resolver.resolve(name, [name, reply_to](const name_resolver::addresses& found) {
    caf::anon_send(reply_to, actors::name_resolved{name, found});
  });
}

void real_world::accept_links(caf::actor hub) {
  parts_->links.accept([p = parts_.get(), hub](link_exchange::link link) {
    p->basp.publish(std::move(link.connection), std::move(link.tls), hub);
  });
}

void real_world::dial(std::string peer, endpoint address, caf::actor hub) {
  const auto host = address.host;
  parts_->resolver.resolve(
      host, [p = parts_.get(), peer, address, hub](const name_resolver::addresses& found) {
        if (found.empty())
          caf::anon_send(hub, actors::link_failed{peer, address.host + " has no address"});
        else
          p->open_link(peer, {found.front(), address.port}, hub, 1);
      });
}

void real_world::watch(actors::shared_view view, node_id self, caf::actor hub) {
  parts_->heartbeats.watch(
      std::move(view), std::move(self),
      {[hub](const cluster::suspicion& s) {
         caf::anon_send(hub, actors::peer_suspected{s.of, s.suspected});
       },
       [hub](const cluster::view_ahead& ahead) {
         caf::anon_send(hub, actors::newer_view_seen{ahead.peer, ahead.number});
       }});
}

void real_world::probe_answered() {
  parts_->heartbeats.probe_answered();
}

std::optional<actors::world::effort> real_world::effort_so_far() const {
  timespec spent{};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent) != 0) return std::nullopt;
  const auto worked = std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec};
  return effort{std::chrono::duration_cast<duration>(worked), parts_->noting_each};
}

void real_world::ledger_load(caf::actor reply_to) {
  parts_->ledger->load([reply_to](const result<std::optional<ledger_content>>& held) {
    actors::ledger_loaded answer;
    if (!held)
      answer.error = held.error().what;
    else if (*held)
      answer = {true, (*held)->bytes, {}};
    caf::anon_send(reply_to, std::move(answer));
  });
}

void real_world::ledger_compare_and_swap(std::uint64_t number, std::string bytes,
                                         caf::actor reply_to) {
  parts_->ledger->compare_and_swap(
      number, std::move(bytes), [number, reply_to](const result<std::uint64_t>& written) {
        caf::anon_send(reply_to,
                       actors::ledger_written{number, written.has_value(),
                                              written ? std::string{} : written.error().what});
      });
}

void real_world::observe_processes(caf::actor receiver) {
  const std::lock_guard lock{parts_->observer_mutex};
  parts_->observer = std::move(receiver);
}

bool real_world::kill_process(const std::string& name, std::int64_t pid) {
  return parts_->launcher && parts_->launcher->kill(name, pid);
}

void real_world::fail_stop(std::string_view why) {
  spdlog::critical("this node can not be trusted any more and ends: {}", why);
  end_process(exit_failed);
}

} // namespace holdfast::runtime
