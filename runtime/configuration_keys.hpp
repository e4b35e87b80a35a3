// The keys of a configuration file, said once. Reading, writing and listing them are visitors:
//   f.section("cluster");              the keys that follow belong to it
//   f(name, value, lowest, highest)    a number, or a duration whose unit is in the name
//   f(name, value)                     a text, a path, an address, a list of texts, a truth value
//   f.one_of(name, value, choices)     a text out of a closed list
// [[application]] is a list of tables and described per entry.
#pragma once

#include "protocol/applications/durability.hpp"
#include "runtime/configuration.hpp"

#include <array>
#include <string_view>

namespace holdfast::runtime {

inline constexpr std::array<std::string_view, 6> log_levels{"trace", "debug", "info",
                                                            "warn",  "error", "off"};

inline constexpr std::array<std::string_view, 2> ledger_backends{"embedded", "etcd"};

template <class F, class Configuration>
void describe_keys(F& f, Configuration& c) {
  f.section("cluster");
  f("shards", c.cluster.shards, 1, 4096);
  f("replicas", c.cluster.replicas, 0, 3);
  f("key_file", c.cluster.key_file);
  f("coordinator", c.cluster.coordinator);
  f("domains", c.cluster.domains);
  f("replication_domains", c.cluster.replication_domains);
  f("tls", c.cluster.tls);
  f("certificates", c.cluster.certificates);

  f.section("sip");
  f("address", c.sip.address);
  f("advertised", c.sip.advertised);
  f("session_expires_ms", c.sip.session_expires, 0, 86'400'000);
  f("tcp", c.sip.tcp);
  f("tls", c.sip.tls);
  f("tls_certificate", c.sip.tls_certificate);
  f("tls_key", c.sip.tls_key);
  f("tls_authorities", c.sip.tls_authorities);
  f("websocket", c.sip.websocket);
  f("connections_max", c.sip.connections_max, 1, 1'000'000);
  f("connection_idle_ms", c.sip.connection_idle, 1'000, 86'400'000);

  f.section("authentication");
  f("credentials_file", c.authentication.credentials_file);
  f("realm", c.authentication.realm);
  f("algorithms", c.authentication.algorithms);
  f("open_methods", c.authentication.open_methods);
  f("trusted", c.authentication.trusted);
  f("nonce_lifetime_ms", c.authentication.nonce_lifetime, 1'000, 86'400'000);
  f("trunk_credentials_file", c.authentication.trunk_credentials_file);

  f.section("console");
  f("address", c.console.address);
  f("allow_remote", c.console.allow_remote);
  f("hosts", c.console.hosts);
  f("observe", c.console.observe);

  f.section("state");
  f("directory", c.state.directory);

  f.section("ledger");
  f.one_of("backend", c.ledger.backend, ledger_backends);
  f("etcd", c.ledger.etcd);
  f("prefix", c.ledger.prefix);

  f.section("failure");
  f("heartbeat_interval_ms", c.failure.heartbeat_interval, 10, 10'000);
  f("heartbeat_misses", c.failure.heartbeat_misses, 2, 100);
  f("lease_ms", c.failure.lease, 20, 10'000);
  f("activation_grace_ms", c.failure.activation_grace, 10, 10'000);
  f("hold_ms", c.failure.hold, 100, 30'000);

  f.section("nodes");
  f("coordinators", c.nodes.coordinators, 1, 7);
  f("proxies", c.nodes.proxies, 1, 64);
  f("containers", c.nodes.containers, 1, 64);

  f.section("balance");
  f.one_of("policy", c.balance.policy, cluster::balance_policy_names);
  f("weights", c.balance.weights);

  f.section("overload");
  f("maximum_sessions", c.overload.maximum_sessions, 0, 100'000'000);
  f("maximum_message_rate", c.overload.maximum_message_rate, 0, 10'000'000);
  f("maximum_response_time_ms", c.overload.maximum_response_time, 0, 60'000);

  f.section("timers");
  f("t1_ms", c.timers.t1, 10, 10'000);
  f("t2_ms", c.timers.t2, 10, 60'000);
  f("t4_ms", c.timers.t4, 10, 60'000);

  f.section("log");
  f.one_of("level", c.log.level, log_levels);
  f("directory", c.log.directory);
}

template <class F, class Entry>
void describe_application_keys(F& f, Entry& e) {
  f("name", e.name);
  f("application", e.application);
  f("methods", e.methods);
  f("domains", e.domains);
  f("users", e.users);
  f("settings", e.settings);
  f.one_of("durability", e.durability, applications::durability_names);
}

} // namespace holdfast::runtime
