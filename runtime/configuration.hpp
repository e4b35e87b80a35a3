// What an operator can say about a cluster, as one value. Every field has its default here; the
// file that documents them is config/holdfast.toml, and a test keeps the two equal.
//
//   TOML --read_configuration--> configuration + every problem found     (configuration_reader.cpp)
//   configuration --write_configuration--> TOML                          (configuration_writer.cpp)
//
// Both follow from one description of the keys: configuration_keys.hpp.
#pragma once

#include "protocol/cluster/admission.hpp"
#include "protocol/cluster/balance.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/endpoint.hpp"
#include "protocol/core/result.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::runtime {

using milliseconds = std::chrono::milliseconds;

// "A request that looks like this is for that application": one [[application]] of the file.
struct application_entry {
  std::string name;                            // for people; unique
  std::string application;                     // "b2bua", "registrar", "proxy", "answer"
  std::vector<std::string> methods;            // empty: any
  std::vector<std::string> domains;            // host of the Request-URI; empty: any
  std::vector<std::string> users;              // user of the Request-URI; empty: any
  std::map<std::string, std::string> settings; // for the application, as text
  std::string durability = "stable";           // what survives: stable, early or transaction

  friend bool operator==(const application_entry&, const application_entry&) = default;
};

// REGISTER to the registrar, the user "answer" to the answering machine, the rest to the b2bua.
[[nodiscard]] std::vector<application_entry> default_applications();

struct cluster_section {
  std::uint16_t shards = 256;
  std::uint16_t replicas = 1;
  std::filesystem::path key_file = "cluster.key"; // relative to the state directory
  endpoint coordinator{"127.0.0.1", 5070};        // its link address; port 0: `launch` finds one
                                                  // coordinator-2 has the next port, and so on
  std::vector<std::string> domains;               // empty: any
  std::vector<std::string> replication_domains;   // names of containers each; empty: one of all
  bool tls = false;                               // between nodes
  std::filesystem::path certificates = "certificates"; // relative to the state directory

  friend bool operator==(const cluster_section&, const cluster_section&) = default;
};

struct sip_section {
  endpoint address{"127.0.0.1", 5060};
  endpoint advertised;                     // empty host: as `address`
  bool tcp = true;                         // at the same address as UDP
  endpoint tls;                            // no host: TLS is not spoken
  std::filesystem::path tls_certificate;   // PEM, relative to the state directory; the chain
  std::filesystem::path tls_key;           // PEM, relative to the state directory
  std::filesystem::path tls_authorities;   // whom we believe when we connect; empty: the system's
  endpoint websocket;                      // no host: SIP over WebSocket is not spoken
  std::uint32_t connections_max = 10'000;  // of one dispatcher, and of one proxy
  milliseconds connection_idle{600'000};   // nothing comes: it is closed
  milliseconds session_expires{1'800'000}; // RFC 4028; 0: only where a client asks

  friend bool operator==(const sip_section&, const sip_section&) = default;
};

// Digest authentication of SIP users, and of us towards trunks. Paths are relative to the state
// directory; an empty one: there is no such file.
struct authentication_section {
  std::filesystem::path credentials_file; // whose requests we take; without it nobody is asked
  std::string realm = "holdfast";
  std::vector<std::string> algorithms{"SHA-256", "SHA-512-256"}; // offered, the best first
  std::vector<std::string> open_methods;                         // not challenged
  std::vector<std::string> trusted; // addresses whose requests are not challenged
  milliseconds nonce_lifetime{300'000};
  std::filesystem::path trunk_credentials_file; // what we present to others

  friend bool operator==(const authentication_section&, const authentication_section&) = default;
};

struct console_section {
  endpoint address{"127.0.0.1", 8080};
  bool allow_remote = false;      // an address other than loopback has to be meant
  std::vector<std::string> hosts; // Host names accepted beside the address itself
  bool observe = true;            // actors note what they do

  friend bool operator==(const console_section&, const console_section&) = default;
};

struct state_section {
  std::filesystem::path directory = "state"; // relative to the working directory

  friend bool operator==(const state_section&, const state_section&) = default;
};

// Where the coordinator keeps the view.
struct ledger_section {
  std::string backend = "embedded";                // or "etcd"
  std::vector<std::string> etcd{"127.0.0.1:2379"}; // its servers
  std::string prefix = "holdfast";                 // of the keys there

  friend bool operator==(const ledger_section&, const ledger_section&) = default;
};

struct failure_section {
  milliseconds heartbeat_interval{50};
  std::uint32_t heartbeat_misses = 4;
  milliseconds lease{150};
  milliseconds activation_grace{100};
  milliseconds hold{2000};

  friend bool operator==(const failure_section&, const failure_section&) = default;
};

struct nodes_section {
  std::uint16_t coordinators = 1;
  std::uint16_t proxies = 2;
  std::uint16_t containers = 3;

  friend bool operator==(const nodes_section&, const nodes_section&) = default;
};

// Where new sessions go (protocol/cluster/balance.hpp).
struct balance_section {
  std::string policy = "least_work_left";
  std::map<std::string, std::string> weights; // container -> 1 to 100, as text; absent: 1

  friend bool operator==(const balance_section&, const balance_section&) = default;
};

// What one container takes (protocol/cluster/admission.hpp); 0: no limit.
struct overload_section {
  std::uint32_t maximum_sessions = 0;
  std::uint32_t maximum_message_rate = 0;
  milliseconds maximum_response_time{0};

  friend bool operator==(const overload_section&, const overload_section&) = default;
};

// RFC 3261 17.1.1.1; the timers named by letters follow from these.
struct timers_section {
  milliseconds t1{500};
  milliseconds t2{4000};
  milliseconds t4{5000};

  friend bool operator==(const timers_section&, const timers_section&) = default;
};

struct log_section {
  std::string level = "info";
  std::filesystem::path directory = "log"; // relative to the state directory

  friend bool operator==(const log_section&, const log_section&) = default;
};

struct configuration {
  cluster_section cluster;
  sip_section sip;
  authentication_section authentication;
  console_section console;
  state_section state;
  ledger_section ledger;
  failure_section failure;
  nodes_section nodes;
  balance_section balance;
  overload_section overload;
  timers_section timers;
  log_section log;
  std::vector<application_entry> applications = default_applications();

  friend bool operator==(const configuration&, const configuration&) = default;
};

// ---- what follows from a configuration

// coordinator-2 and those after it have the ports after those of coordinator-1, for their links and
// for their consoles.
[[nodiscard]] endpoint links_of_coordinator(const configuration& c, const std::string& name);
[[nodiscard]] endpoint console_of_coordinator(const configuration& c, const std::string& name);
[[nodiscard]] std::vector<std::string> coordinators_of(const configuration& c);
[[nodiscard]] endpoint advertised_address(const configuration& c);
[[nodiscard]] bool speaks_tls(const configuration& c);
[[nodiscard]] endpoint advertised_tls_address(const configuration& c); // no host: not spoken
[[nodiscard]] bool speaks_websocket(const configuration& c);
[[nodiscard]] endpoint advertised_websocket_address(const configuration& c);
// A path that is relative to the state directory; an empty one stays empty.
[[nodiscard]] std::filesystem::path in_state(const configuration& c,
                                             const std::filesystem::path& file);
[[nodiscard]] std::filesystem::path key_path(const configuration& c);
[[nodiscard]] std::filesystem::path certificate_directory(const configuration& c);
[[nodiscard]] std::filesystem::path log_directory(const configuration& c);
// What lives in the ledger and has to be the same on every node.
[[nodiscard]] cluster::settings cluster_settings(const configuration& c);
[[nodiscard]] cluster::balance_policy balance_policy(const configuration& c);
// Of a container: how much it takes in comparison with the others.
[[nodiscard]] std::uint32_t weight_of(const configuration& c, const std::string& container);
[[nodiscard]] cluster::load_limits load_limits(const configuration& c);
[[nodiscard]] bool is_loopback(const endpoint& address);

// ---- files

struct configuration_problem {
  std::string file;
  std::uint32_t line = 0; // 0: concerns no line
  std::string what;
  std::string instead; // what to write instead; may be empty

  friend bool operator==(const configuration_problem&, const configuration_problem&) = default;
};

// "holdfast.toml:12: [cluster] shards is 0, ...; write shards = 256"
[[nodiscard]] std::string to_string(const configuration_problem& p);

struct read_outcome {
  configuration value;                         // with the default wherever there is a problem
  std::vector<configuration_problem> problems; // in the order of the file

  [[nodiscard]] bool ok() const { return problems.empty(); }
};

// `file` is only a name for the messages.
[[nodiscard]] read_outcome read_configuration(std::string_view toml, const std::string& file);
[[nodiscard]] read_outcome read_configuration_file(const std::filesystem::path& file);

// What concerns several keys at once, or a value that did not come from a file (the command line).
[[nodiscard]] std::vector<configuration_problem> check_configuration(const configuration& c,
                                                                     const std::string& file);

// Reads back as the same configuration.
[[nodiscard]] std::string write_configuration(const configuration& c);

// Every key there is, as "section.key", in the order of the documentation.
[[nodiscard]] std::vector<std::string> configuration_keys();

} // namespace holdfast::runtime
