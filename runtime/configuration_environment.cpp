#include "runtime/configuration_environment.hpp"

#include "protocol/core/keyed_hash.hpp"
#include "runtime/configuration_key.hpp"

#include <utility>

namespace holdfast::runtime {

namespace {

result<std::vector<session::account>> read_accounts(const configuration& c,
                                                    const std::filesystem::path& file) {
  const auto path = c.state.directory / file;
  const auto text = read_secrets(path, "credentials file");
  if (!text) return tl::make_unexpected(text.error());
  auto accounts = session::parse_accounts(*text);
  if (!accounts) return fail("credentials file " + path.string() + ": " + accounts.error().what);
  return accounts;
}

} // namespace

std::vector<session::application_rule> session_rules(const configuration& c) {
  std::vector<session::application_rule> rules;
  rules.reserve(c.applications.size());
  for (const auto& entry : c.applications)
    rules.push_back({.application = entry.application,
                     .methods = entry.methods,
                     .domains = entry.domains,
                     .users = entry.users,
                     .settings = entry.settings,
                     .kept = applications::durability_of(entry.durability)
                                 .value_or(applications::durability::stable)});
  return rules;
}

result<session::environment> session_environment(const configuration& c,
                                                 std::string_view cluster_key) {
  session::environment e{.tokens = cluster::token_ring::from_cluster_key(cluster_key),
                         .advertised = advertised_address(c)};
  e.timers.t1 = c.timers.t1;
  e.timers.t2 = c.timers.t2;
  e.timers.t4 = c.timers.t4;
  e.rules = session_rules(c);
  e.domains = c.cluster.domains;
  e.session_expires = c.sip.session_expires;
  e.advertised_tls = advertised_tls_address(c);
  e.advertised_websocket = advertised_websocket_address(c);
  const auto& a = c.authentication;
  e.trusted_hosts = a.trusted;
  if (!a.credentials_file.empty()) {
    auto accounts = read_accounts(c, a.credentials_file);
    if (!accounts) return tl::make_unexpected(accounts.error());
    session::gatekeeper keeper;
    keeper.realm = a.realm;
    keeper.nonce_key = hmac_sha256(cluster_key, "digest nonces");
    keeper.algorithms.clear();
    for (const auto& name : a.algorithms)
      if (const auto known = sip::hash_algorithm_of(name)) keeper.algorithms.push_back(*known);
    keeper.accounts = std::move(*accounts);
    keeper.open_methods = a.open_methods;
    keeper.trusted_hosts = a.trusted;
    keeper.nonce_lifetime = a.nonce_lifetime;
    e.authentication = std::move(keeper);
  }
  if (!a.trunk_credentials_file.empty()) {
    auto accounts = read_accounts(c, a.trunk_credentials_file);
    if (!accounts) return tl::make_unexpected(accounts.error());
    e.trunk_accounts = std::move(*accounts);
  }
  return e;
}

std::vector<configuration_problem> check_credentials(const configuration& c,
                                                     const std::string& file) {
  std::vector<configuration_problem> problems;
  for (const auto& secrets :
       {c.authentication.credentials_file, c.authentication.trunk_credentials_file}) {
    if (secrets.empty()) continue;
    if (const auto read = read_accounts(c, secrets); !read)
      problems.push_back({file, 0, "[authentication] " + read.error().what, ""});
  }
  return problems;
}

std::vector<configuration_problem> check_applications(const configuration& c,
                                                      const std::string& file) {
  std::vector<configuration_problem> problems;
  const auto known = applications::built_in();
  for (const auto& entry : c.applications) {
    const auto place = "[[application]] \"" + entry.name + "\": ";
    const auto type = known.find(entry.application);
    if (type == known.end()) {
      std::string names;
      for (const auto& [name, unused] : known) names += (names.empty() ? "" : ", ") + name;
      problems.push_back(
          {file, 0, place + "there is no application " + entry.application, "one of " + names});
      continue;
    }
    // Understood for all applications, so no application's own check knows it.
    auto settings = entry.settings;
    settings.erase("drill_header");
    if (const auto checked = type->second.check(settings); !checked)
      problems.push_back({file, 0, place + checked.error().what, ""});
  }
  return problems;
}

} // namespace holdfast::runtime
