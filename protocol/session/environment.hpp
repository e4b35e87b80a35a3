// What the sessions of a node share: who we are to the outside, which application takes a request,
// and the timer values. Immutable; a changed configuration is a new environment for new sessions.
#pragma once

#include "protocol/applications/application.hpp"
#include "protocol/cluster/token.hpp"
#include "protocol/core/flow.hpp"
#include "protocol/core/result.hpp"
#include "protocol/session/authentication.hpp"
#include "protocol/sip/message.hpp"
#include "protocol/sip/transaction.hpp"

#include <optional>
#include <string>
#include <vector>

namespace holdfast::session {

// "A request with one of these methods, to one of these users at one of these domains, is for this
// application." An empty list stands for any; the first rule that fits decides.
struct application_rule {
  std::string application;
  std::vector<std::string> methods; // as in the request line: "INVITE"
  std::vector<std::string> domains; // host of the Request-URI, any case
  std::vector<std::string> users;   // user of the Request-URI
  applications::settings settings;  // for the application; drill_header is understood for all
  applications::durability kept = applications::durability::stable;
};

// REGISTER to the registrar, user "answer" to the answering machine, and the rest to the b2bua,
// which looks for registered contacts.
[[nodiscard]] std::vector<application_rule> default_rules();

struct environment {
  cluster::token_ring tokens;
  endpoint advertised; // the cluster's SIP address: sent-by of our Via, host of our Contact
  sip::timer_values timers{};
  std::vector<application_rule> rules = default_rules();
  applications::application_table applications = applications::built_in();
  // What we serve, in lower case; the registrar refuses others. Empty: any.
  std::vector<std::string> domains{};
  std::optional<gatekeeper> authentication{}; // absent: nobody is asked for credentials
  std::vector<account> trunk_accounts{};      // what we present when a peer asks for ours
  std::vector<std::string> trusted_hosts{};   // addresses inside our trust domain (RFC 3325)
  // RFC 4028: what we ask for as Session-Expires; 0: session timers only where the peer wants them.
  duration session_expires{};
  endpoint advertised_tls{};       // the same address over TLS; no host: it is not spoken
  endpoint advertised_websocket{}; // likewise

  // nullptr: no rule fits (404).
  [[nodiscard]] const application_rule* rule_for(const sip::message& request) const;

  // What Via, Contact and Record-Route say over that transport.
  [[nodiscard]] const endpoint& advertised_over(transport t) const;

  [[nodiscard]] bool serves_domain(std::string_view host) const;
};

// Error: a rule names an application that does not exist, or a setting it does not take; the text
// names the rule by its place, from 1, and says what to write instead.
[[nodiscard]] result<void> check(const environment& env);

} // namespace holdfast::session
