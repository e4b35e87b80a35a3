#include "protocol/session/environment.hpp"

#include "protocol/applications/drill.hpp"
#include "protocol/session/state.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::session {

namespace {

bool names(const std::vector<std::string>& list, std::string_view what) {
  return list.empty() || std::find(list.begin(), list.end(), what) != list.end();
}

bool names_any_case(const std::vector<std::string>& list, std::string_view what) {
  return list.empty() || std::any_of(list.begin(), list.end(), [&](const std::string& one) {
           return sip::text::same(one, what);
         });
}

std::string known_applications(const applications::application_table& table) {
  std::string list;
  for (const auto& [name, type] : table) list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

result<void> check_rule(const environment& env, const application_rule& rule) {
  const auto found = env.applications.find(rule.application);
  if (found == env.applications.end())
    return fail("there is no application \"" + rule.application
                + "\"; write one of: " + known_applications(env.applications));
  auto own = rule.settings;
  own.erase(applications::drill_setting);
  return found->second.check(own);
}

// A drill is put around whatever application its rule chose.
any_application dressed(std::unique_ptr<applications::application> made,
                        const applications::settings& settings) {
  const auto header = settings.find(applications::drill_setting);
  if (header != settings.end() && !header->second.empty())
    made = std::make_unique<applications::drill>(std::move(made), header->second);
  return any_application{std::move(made)};
}

} // namespace

std::vector<application_rule> default_rules() {
  return {
      {.application = "registrar",
       .methods = {"REGISTER", "SUBSCRIBE"},
       .domains = {},
       .users = {},
       .settings = {}},
      {.application = "answer", .methods = {}, .domains = {}, .users = {"answer"}, .settings = {}},
      {.application = "b2bua", .methods = {}, .domains = {}, .users = {}, .settings = {}}};
}

const application_rule* environment::rule_for(const sip::message& request) const {
  const auto uri = sip::parse_uri(request.request_uri);
  if (!uri) return nullptr;
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const application_rule& rule) {
    return names(rule.methods, request.method) && names_any_case(rule.domains, uri->host)
           && names(rule.users, uri->user);
  });
  return found == rules.end() ? nullptr : &*found;
}

const endpoint& environment::advertised_over(transport t) const {
  if (t == transport::tls && !advertised_tls.host.empty()) return advertised_tls;
  if (t == transport::ws && !advertised_websocket.host.empty()) return advertised_websocket;
  return advertised;
}

bool environment::serves_domain(std::string_view host) const {
  return names_any_case(domains, host);
}

result<void> check(const environment& env) {
  for (std::size_t i = 0; i < env.rules.size(); ++i)
    if (const auto fine = check_rule(env, env.rules[i]); !fine)
      return fail("rule " + std::to_string(i + 1) + " (" + env.rules[i].application
                  + "): " + fine.error().what);
  return {};
}

result<any_application> make_application(const environment& env, const std::string& name,
                                         const applications::settings& settings) {
  const auto type = env.applications.find(name);
  if (type == env.applications.end()) return fail("there is no application \"" + name + "\"");
  return dressed(type->second.make(), settings);
}

result<any_application> restore_application(const environment& env, const std::string& name,
                                            const applications::settings& settings,
                                            std::string_view snapshot) {
  const auto type = env.applications.find(name);
  if (type == env.applications.end()) return fail("there is no application \"" + name + "\"");
  auto restored = type->second.restore(snapshot);
  if (!restored) return fail(name + ": " + restored.error().what);
  return dressed(std::move(*restored), settings);
}

} // namespace holdfast::session
