#include "runtime/node_process.hpp"

#include "actors/node.hpp"
#include "actors/observed.hpp"
#include "protocol/cluster/candidacy.hpp"
#include "runtime/caf_configuration.hpp"
#include "runtime/cluster_backend.hpp"
#include "runtime/configuration_environment.hpp"
#include "runtime/configuration_key.hpp"
#include "runtime/console.hpp"
#include "runtime/console/assets.hpp"
#include "runtime/random_bytes.hpp"
#include "runtime/real_world.hpp"
#include "runtime/streams/tls_identity.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <spdlog/spdlog.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

namespace holdfast::runtime {

namespace {

constexpr std::size_t cluster_key_min = 16;

std::string cluster_key_of(const configuration& c) {
  const auto path = key_path(c);
  std::ifstream file{path, std::ios::binary};
  if (!file) throw std::runtime_error("cannot read the cluster key " + path.string());
  std::ostringstream content;
  content << file.rdbuf();
  auto key = content.str();
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r')) key.pop_back();
  if (key.size() < cluster_key_min)
    throw std::runtime_error("the cluster key " + path.string() + " has fewer than 16 bytes");
  return key;
}

etcd_options etcd_of(const configuration& c) {
  etcd_options o;
  for (const auto& server : c.ledger.etcd) o.servers.push_back(parse_endpoint(server).value());
  o.prefix = c.ledger.prefix;
  return o;
}

stream_limits stream_limits_of(const configuration& c) {
  stream_limits limits;
  limits.connections = c.sip.connections_max;
  limits.idle = c.sip.connection_idle;
  return limits;
}

// Throws std::runtime_error: a certificate or key that can not be used.
sip_streams::options stream_options(const configuration& c, const std::string& name) {
  sip_streams::options o;
  o.node = name;
  o.inside = {c.cluster.coordinator.host, 0};
  o.limits = stream_limits_of(c);
  o.tls_client = make_tls_client_context(in_state(c, c.sip.tls_authorities));
  if (speaks_websocket(c)) o.websocket_port = c.sip.websocket.port;
  if (!speaks_tls(c)) return o;
  o.tls_port = c.sip.tls.port;
  o.tls_server = std::make_shared<tls_identity>(in_state(c, c.sip.tls_certificate),
                                                in_state(c, c.sip.tls_key));
  return o;
}

real_world_options world_options(const configuration& c, const node_identity& who,
                                 std::string key) {
  using cluster::role;
  real_world_options o;
  o.name = who.name;
  o.cluster_key = std::move(key);
  o.settings = cluster_settings(c);
  if (c.cluster.tls) o.certificates = certificate_paths{certificate_directory(c)};
  o.control_fd = who.control_fd;
  const std::string host = c.cluster.coordinator.host;
  o.links = {host, 0};
  o.heartbeats = {host, 0};
  if (who.serves == role::coordinator) {
    o.links = links_of_coordinator(c, who.name);
    if (c.ledger.backend == "etcd")
      o.etcd = etcd_of(c);
    else
      o.ledger_file = c.state.directory / "ledger";
  }
  if (who.serves == role::dispatcher) {
    o.outside = c.sip.address;
    if (c.sip.tcp) o.relay.push_back(c.sip.address);
    if (speaks_tls(c)) o.relay.push_back(c.sip.tls);
    if (speaks_websocket(c)) o.relay.push_back(c.sip.websocket);
    o.limits = stream_limits_of(c);
  }
  if (who.serves == role::proxy) o.streams = stream_options(c, who.name);
  if (who.serves == role::dispatcher || who.serves == role::proxy) o.inside = endpoint{host, 0};
  return o;
}

cluster::node_card card_of(const configuration& c, const node_identity& who, real_world& outside) {
  cluster::node_card card;
  card.name = who.name;
  card.serves = who.serves;
  card.boot = outside.random();
  card.weight = weight_of(c, who.name);
  card.pid = getpid();
  card.supervised = outside.supervised();
  card.links = outside.links_endpoint();
  card.heartbeats = outside.heartbeats_endpoint();
  if (const auto inside = outside.inside_endpoint()) card.datagrams = *inside;
  if (const auto streams = outside.streams_endpoint()) card.streams = *streams;
  return card;
}

// A single one may have any name; of several the name says which one it is.
std::vector<actors::coordinator_address> where_coordinators_are(const configuration& c) {
  if (c.nodes.coordinators == 1) return {{{}, c.cluster.coordinator}};
  std::vector<actors::coordinator_address> all;
  for (const auto& name : coordinators_of(c)) all.push_back({name, links_of_coordinator(c, name)});
  return all;
}

caf::actor inspector_of(caf::actor_system& system, const caf::actor& root) {
  caf::actor found;
  caf::scoped_actor self{system};
  self->request(root, std::chrono::seconds{5}, caf::sys_atom::value)
      .receive([&](caf::actor& answer) { found = std::move(answer); },
               [&](const caf::error& why) {
                 throw std::runtime_error("the node did not start: " + system.render(why));
               });
  return found;
}

// What operations have to bring; made at the first start.
std::string operator_token(const configuration& c) {
  const auto file = c.state.directory / "console.token";
  if (const auto made = create_cluster_key(file); !made)
    throw std::runtime_error(made.error().what);
  auto token = read_cluster_key(file);
  if (!token) throw std::runtime_error(token.error().what);
  return std::move(*token);
}

// Signals are taken by sigwait() in the main thread, so that no handler ever runs.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

void serve_until_signalled(const configuration& c, const node_identity& who, std::string key,
                           const sigset_t& signals) {
  auto made = session_environment(c, key);
  if (!made) throw std::runtime_error(made.error().what);
  const auto environment = std::make_shared<const session::environment>(std::move(*made));
  actors::set_observing(c.console.observe);
  caf_options caf_settings;
  caf_settings.register_types = actors::register_types;
  caf_configuration config{caf_settings};
  caf::actor_system system{config};
  real_world outside{system, world_options(c, who, std::move(key))};
  const auto root =
      actors::start_node(system, outside,
                         {card_of(c, who, outside), cluster_settings(c), where_coordinators_are(c),
                          environment, balance_policy(c), load_limits(c)});
  std::unique_ptr<console> web;
  if (who.serves == cluster::role::coordinator || who.console) {
    console_options options;
    options.address = who.console.value_or(console_of_coordinator(c, who.name));
    options.hosts = c.console.hosts;
    options.token = operator_token(c);
    web = std::make_unique<console>(options, make_cluster_backend(inspector_of(system, root)));
    if (who.console) spdlog::info("the console is at http://{}", to_string(options.address));
    if (!front_end_built())
      spdlog::info("the console serves its API only: it was built without npm");
  }
  spdlog::info("{} is up (pid {})", who.name, getpid());
  int received = 0;
  sigwait(&signals, &received);
  spdlog::info("{} ends on signal {}", who.name, received);
  // What this node held is held elsewhere, and a link that closes tells the others in a
  // millisecond. Taking actors apart one by one would only delay that.
  web.reset();
  outside.stop();
  // Not spdlog::shutdown(): actors are still at work, and one that logs needs the logger.
  spdlog::default_logger()->flush();
  _exit(0);
}

} // namespace

int run_node(const configuration& c, const node_identity& who) {
  spdlog::set_level(spdlog::level::from_str(c.log.level));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ " + who.name + " %v");
  spdlog::flush_on(spdlog::level::info);
  const auto signals = block_signals();
  try {
    if (who.serves == cluster::role::coordinator && c.nodes.coordinators > 1
        && cluster::number_of_name(who.name) > c.nodes.coordinators)
      throw std::runtime_error("[nodes] coordinators is " + std::to_string(c.nodes.coordinators)
                               + ": there is no " + who.name);
    serve_until_signalled(c, who, cluster_key_of(c), signals);
  } catch (const std::exception& e) {
    spdlog::critical("{}: {}", who.name, e.what());
    return exit_misconfigured;
  }
  return 0;
}

} // namespace holdfast::runtime
