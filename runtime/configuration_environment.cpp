#include "runtime/configuration_environment.hpp"

#include <utility>

namespace holdfast::runtime {

std::vector<session::application_rule> session_rules(const configuration& c) {
  std::vector<session::application_rule> rules;
  rules.reserve(c.applications.size());
  for (const auto& entry : c.applications)
    rules.push_back({.application = entry.application,
                     .methods = entry.methods,
                     .domains = entry.domains,
                     .users = entry.users,
                     .settings = entry.settings});
  return rules;
}

session::environment session_environment(const configuration& c, std::string_view cluster_key) {
  session::environment e{.tokens = cluster::token_ring::from_cluster_key(cluster_key),
                         .advertised = advertised_address(c)};
  e.timers.t1 = c.timers.t1;
  e.timers.t2 = c.timers.t2;
  e.timers.t4 = c.timers.t4;
  e.rules = session_rules(c);
  e.domains = c.cluster.domains;
  return e;
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
