#include "runtime/configuration.hpp"

#include "protocol/cluster/candidacy.hpp"
#include "protocol/sip/digest.hpp"
#include "runtime/configuration_keys.hpp"

#include <charconv>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

namespace holdfast::runtime {

std::vector<application_entry> default_applications() {
  return {
      {.name = "registrar",
       .application = "registrar",
       .methods = {"REGISTER", "SUBSCRIBE"},
       .domains = {},
       .users = {},
       .settings = {}},
      {.name = "answer",
       .application = "answer",
       .methods = {},
       .domains = {},
       .users = {"answer"},
       .settings = {}},
      {.name = "calls",
       .application = "b2bua",
       .methods = {},
       .domains = {},
       .users = {},
       .settings = {}},
  };
}

namespace {

endpoint port_of_coordinator(const configuration& c, endpoint first, const std::string& name) {
  if (c.nodes.coordinators > 1 && first.port != 0)
    first.port = static_cast<std::uint16_t>(first.port + cluster::number_of_name(name) - 1);
  return first;
}

} // namespace

endpoint links_of_coordinator(const configuration& c, const std::string& name) {
  return port_of_coordinator(c, c.cluster.coordinator, name);
}

endpoint console_of_coordinator(const configuration& c, const std::string& name) {
  return port_of_coordinator(c, c.console.address, name);
}

std::vector<std::string> coordinators_of(const configuration& c) {
  std::vector<std::string> names;
  for (int i = 1; i <= c.nodes.coordinators; ++i)
    names.push_back("coordinator-" + std::to_string(i));
  return names;
}

endpoint advertised_address(const configuration& c) {
  return c.sip.advertised.host.empty() ? c.sip.address : c.sip.advertised;
}

bool speaks_tls(const configuration& c) {
  return !c.sip.tls.host.empty();
}

endpoint advertised_tls_address(const configuration& c) {
  if (!speaks_tls(c)) return {};
  return {c.sip.advertised.host.empty() ? c.sip.tls.host : c.sip.advertised.host, c.sip.tls.port};
}

bool speaks_websocket(const configuration& c) {
  return !c.sip.websocket.host.empty();
}

endpoint advertised_websocket_address(const configuration& c) {
  if (!speaks_websocket(c)) return {};
  return {c.sip.advertised.host.empty() ? c.sip.websocket.host : c.sip.advertised.host,
          c.sip.websocket.port};
}

std::filesystem::path in_state(const configuration& c, const std::filesystem::path& file) {
  return file.empty() ? file : c.state.directory / file;
}

std::filesystem::path key_path(const configuration& c) {
  return c.state.directory / c.cluster.key_file;
}

std::filesystem::path certificate_directory(const configuration& c) {
  return c.state.directory / c.cluster.certificates;
}

std::filesystem::path log_directory(const configuration& c) {
  return c.state.directory / c.log.directory;
}

namespace {

std::vector<std::string> names_in(const std::string& list) {
  std::istringstream words{list};
  return {std::istream_iterator<std::string>{words}, {}};
}

} // namespace

cluster::settings cluster_settings(const configuration& c) {
  cluster::settings s;
  s.shard_count = c.cluster.shards;
  s.replicas = c.cluster.replicas;
  s.heartbeat_interval = c.failure.heartbeat_interval;
  s.heartbeat_misses = c.failure.heartbeat_misses;
  s.lease = c.failure.lease;
  s.activation_grace = c.failure.activation_grace;
  s.hold = c.failure.hold;
  for (const auto& domain : c.cluster.replication_domains) s.domains.push_back({names_in(domain)});
  return s;
}

cluster::balance_policy balance_policy(const configuration& c) {
  return cluster::balance_policy_named(c.balance.policy)
      .value_or(cluster::balance_policy::least_work_left);
}

std::uint32_t weight_of(const configuration& c, const std::string& container) {
  const auto found = c.balance.weights.find(container);
  if (found == c.balance.weights.end()) return 1;
  std::uint32_t weight = 0;
  const auto& text = found->second;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), weight);
  return failed == std::errc{} && end == text.data() + text.size() ? weight : 0;
}

cluster::load_limits load_limits(const configuration& c) {
  return {c.overload.maximum_sessions, c.overload.maximum_message_rate,
          c.overload.maximum_response_time};
}

bool is_loopback(const endpoint& address) {
  return address.host == "localhost" || address.host == "::1" || address.host.starts_with("127.");
}

std::string to_string(const configuration_problem& p) {
  std::string text = p.file;
  if (p.line != 0) text += ':' + std::to_string(p.line);
  text += ": " + p.what;
  if (!p.instead.empty()) text += "; write " + p.instead;
  return text;
}

namespace {

bool is_wildcard(const endpoint& address) {
  return address.host == "0.0.0.0" || address.host == "::";
}

// Two listeners cannot share an address; UDP and TCP do not collide.
bool collide(const endpoint& a, const endpoint& b) {
  return a.port == b.port && a.port != 0 && (a.host == b.host || is_wildcard(a) || is_wildcard(b));
}

template <class Problem>
void check_tls(const configuration& c, const Problem& problem) {
  if (c.sip.tls.port == 0) problem("[sip] tls has no port", "tls = \"127.0.0.1:5061\"");
  if (is_wildcard(c.sip.tls) && c.sip.advertised.host.empty())
    problem("[sip] tls " + to_string(c.sip.tls)
                + " stands for every interface, and clients cannot answer to that",
            "advertised = \"...\" with the address that clients use");
  if (c.sip.tls_certificate.empty())
    problem("[sip] tls needs a certificate", "tls_certificate = \"sip.pem\"");
  if (c.sip.tls_key.empty()) problem("[sip] tls needs a key", "tls_key = \"sip.key\"");
}

class list_visitor {
public:
  void section(std::string_view name) { section_ = name; }
  template <class... Rest>
  void operator()(std::string_view name, const Rest&...) {
    keys.push_back(section_ + '.' + std::string{name});
  }
  template <class Value, class Choices>
  void one_of(std::string_view name, const Value&, const Choices&) {
    keys.push_back(section_ + '.' + std::string{name});
  }

  std::vector<std::string> keys;

private:
  std::string section_;
};

} // namespace

std::vector<configuration_problem> check_configuration(const configuration& c,
                                                       const std::string& file) {
  std::vector<configuration_problem> problems;
  const auto problem = [&](std::string what, std::string instead) {
    problems.push_back({file, 0, std::move(what), std::move(instead)});
  };
  if (is_wildcard(c.sip.address) && c.sip.advertised.host.empty())
    problem("[sip] address " + to_string(c.sip.address)
                + " stands for every interface, and clients cannot answer to that",
            "advertised = \"...\" with the address that clients use");
  if (is_wildcard(c.sip.advertised))
    problem("[sip] advertised " + to_string(c.sip.advertised) + " is no address to send to",
            "the address that clients use");
  if (!is_loopback(c.console.address) && !c.console.allow_remote)
    problem("[console] address " + to_string(c.console.address)
                + " is reachable from other machines, and the console asks for no password",
            "address = \"127.0.0.1:" + std::to_string(c.console.address.port)
                + "\", or allow_remote = true if it is protected otherwise");
  if (collide(c.console.address, c.cluster.coordinator))
    problem("[console] address and [cluster] coordinator are both " + to_string(c.console.address),
            "two different ports");
  for (const auto& [name, other] :
       {std::pair{"[console] address", c.console.address},
        std::pair{"[cluster] coordinator", c.cluster.coordinator},
        std::pair{"[sip] tls", c.sip.tls}, std::pair{"[sip] websocket", c.sip.websocket}})
    if (c.sip.tcp && collide(c.sip.address, other))
      problem(std::string{name} + " and [sip] address are both " + to_string(other),
              "two different ports");
  if (speaks_tls(c)) check_tls(c, problem);
  if (speaks_websocket(c) && c.sip.websocket.port == 0)
    problem("[sip] websocket has no port", "websocket = \"127.0.0.1:5066\"");
  if (speaks_websocket(c) && collide(c.sip.websocket, c.sip.tls))
    problem("[sip] websocket and [sip] tls are both " + to_string(c.sip.tls),
            "two different ports");
  std::set<std::string> named;
  for (const auto& domain : c.cluster.replication_domains) {
    const auto names = names_in(domain);
    if (names.empty())
      problem("[cluster] replication_domains has an empty one", "\"container-1 container-2\"");
    for (const auto& name : names)
      if (!named.insert(name).second)
        problem("[cluster] replication_domains names " + name + " twice", "it in one of them");
  }
  if (c.cluster.shards < c.cluster.replication_domains.size())
    problem("[cluster] there are more replication_domains than shards", "shards = 256");
  if (c.sip.session_expires > milliseconds{0} && c.sip.session_expires < milliseconds{90'000})
    problem("[sip] session_expires_ms is below the 90 s that RFC 4028 allows",
            "session_expires_ms = 1800000, or 0");
  if (c.authentication.algorithms.empty())
    problem("[authentication] algorithms is empty", "algorithms = [\"SHA-256\"]");
  for (const auto& name : c.authentication.algorithms)
    if (name.empty() || !sip::hash_algorithm_of(name))
      problem("[authentication] algorithms names " + name + ", which is not spoken here",
              "one of SHA-256, SHA-512-256, MD5");
  if (c.authentication.realm.empty())
    problem("[authentication] realm is empty", "realm = \"holdfast\"");
  if (c.nodes.coordinators > 1 && c.ledger.backend != "etcd")
    problem("[nodes] coordinators is " + std::to_string(c.nodes.coordinators)
                + ", and with [ledger] backend \"" + c.ledger.backend
                + "\" only one can keep the ledger",
            "coordinators = 1, or backend = \"etcd\" with the addresses of its servers");
  for (const auto& [key, first] : {std::pair{"[cluster] coordinator", c.cluster.coordinator},
                                   std::pair{"[console] address", c.console.address}})
    if (first.port + c.nodes.coordinators - 1 > 65'535)
      problem(std::string{key} + " leaves no ports for " + std::to_string(c.nodes.coordinators)
                  + " coordinators: each has the port after the one before",
              "a lower port");
  if (c.ledger.backend == "etcd" && c.ledger.etcd.empty())
    problem("[ledger] etcd names no server", "etcd = [\"127.0.0.1:2379\"]");
  for (const auto& server : c.ledger.etcd)
    if (const auto parsed = parse_endpoint(server); !parsed || parsed->port == 0)
      problem("[ledger] etcd: " + server + " is no host with a port",
              "etcd = [\"127.0.0.1:2379\"]");
  for (const auto& [container, text] : c.balance.weights)
    if (const auto weight = weight_of(c, container); weight < 1 || weight > 100)
      problem("[balance] weights: " + container + " is " + text + ", outside of 1 to 100",
              container + " = 1");
  if (c.timers.t1 > c.timers.t2)
    problem(
        "[timers] t1_ms is above t2_ms: retransmissions would start above their longest interval",
        "t1_ms = 500 and t2_ms = 4000");
  return problems;
}

std::vector<std::string> configuration_keys() {
  const configuration c;
  list_visitor list;
  describe_keys(list, c);
  list.section("application");
  const application_entry entry;
  describe_application_keys(list, entry);
  return list.keys;
}

} // namespace holdfast::runtime
