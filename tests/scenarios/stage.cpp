#include "tests/scenarios/stage.hpp"

#include "protocol/sip/parser.hpp"
#include "protocol/sip/writer.hpp"
#include "tests/scenarios/script.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>

namespace scenarios {

namespace {

constexpr std::uint16_t sip_port = 5060;
constexpr std::size_t names_width = 20; // of "alice -> atlanta"
constexpr unsigned messages_max = 1000; // of one command: more is a loop

// "key=value" out of the words behind the first `skip`.
std::map<std::string, std::string> settings_of(const std::vector<std::string>& words,
                                               std::size_t skip) {
  std::map<std::string, std::string> found;
  for (auto i = skip; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    if (equals == std::string::npos) throw std::runtime_error{"not key=value: " + words[i]};
    found[words[i].substr(0, equals)] = words[i].substr(equals + 1);
  }
  return found;
}

std::string take(std::map<std::string, std::string>& from, const std::string& key) {
  const auto node = from.extract(key);
  return node.empty() ? std::string{} : node.mapped();
}

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> list;
  for (std::size_t at = 0; at < text.size();) {
    const auto comma = std::min(text.find(',', at), text.size());
    list.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return list;
}

duration time_of(const std::string& text) {
  std::size_t end = 0;
  const auto number = std::stol(text, &end);
  const auto unit = text.substr(end);
  if (unit == "ms") return std::chrono::milliseconds{number};
  if (unit == "s") return std::chrono::seconds{number};
  throw std::runtime_error{"not a time in s or ms: " + text};
}

bool is_status(const std::string& word) {
  return word.size() == 3 && word.find_first_not_of("0123456789") == word.npos;
}

// Digest with one challenge, so that a trace is short.
session::gatekeeper gatekeeper_of(const std::string& realm, const std::string& users,
                                  const std::string& trusts) {
  session::gatekeeper g{.realm = realm,
                        .nonce_key = "a key for nonces",
                        .algorithms = {hash_algorithm::sha_256},
                        .accounts = {},
                        .open_methods = {},
                        .trusted_hosts = list_of(trusts)};
  for (const auto& each : list_of(users)) {
    const auto colon = each.find(':');
    const auto user = each.substr(0, colon);
    g.accounts.push_back(
        {user, realm, hash_algorithm::sha_256,
         sip::ha1_of(hash_algorithm::sha_256, user, realm, each.substr(colon + 1))});
  }
  return g;
}

std::string summary_of(const sip::message& m) {
  std::string text =
      m.is_request() ? m.method + " " + m.request_uri
                     : std::to_string(m.status) + " " + m.reason + " (" + m.cseq()->method + ")";
  if (const auto owner = m.body.find("o="); owner != std::string::npos)
    text += "  [sdp of " + m.body.substr(owner + 2, m.body.find(" IN") - owner - 2) + "]";
  return text;
}

} // namespace

std::string stage::run(const std::string& command) {
  trace_.clear();
  try {
    interpret(command);
    settle();
  } catch (const std::exception& e) {
    wire_.clear();
    trace_ += std::string{"error: "} + e.what() + "\n";
  }
  for (auto& [name, p] : phones_) {
    for (const auto& complaint : p.complaints) trace_ += name + " " + complaint + "\n";
    p.complaints.clear();
  }
  return trace_;
}

void stage::interpret(const std::string& command) {
  const auto words = words_of(command);
  const auto& verb = words.at(0);
  if (verb == "cluster") return make_cluster(words);
  if (verb == "phone") return make_phone(words);
  if (verb == "show") return void(shown_ = {words.begin() + 1, words.end()});
  if (verb == "wait") return wait(words.at(1));
  if (verb == "begin") return ladder_.clear();
  if (verb == "rfc3665") return compare_with_rfc(words);
  if (verb == "left") return tell_what_is_left();
  if (!places_.contains(verb)) throw std::runtime_error{"there is no " + verb};
  if (command == verb + " is cut off") return void(cut_off_.insert(verb));
  if (command == verb + " is back") return void(cut_off_.erase(verb));
  if (command == verb + " moves") return elements_.at(verb).move(now_);
  say(verb, {words.begin() + 1, words.end()});
}

// cluster NAME host=.. address=.. serves=DOMAIN,.. application=.. [realm= users= trusts=] [its
// settings]
void stage::make_cluster(const arguments& words) {
  const auto& name = words.at(1);
  auto given = settings_of(words, 2);
  const auto host = take(given, "host");
  const auto address = take(given, "address");
  const auto domains = list_of(take(given, "serves"));
  const auto application = take(given, "application");
  const auto realm = take(given, "realm");
  const auto users = take(given, "users");
  const auto trusts = take(given, "trusts");
  auto env = std::make_shared<session::environment>(
      session::environment{.tokens = cluster::token_ring::from_cluster_key("the key of " + name),
                           .advertised = {host, sip_port},
                           .domains = domains});
  env->rules = {{.application = "registrar",
                 .methods = {"REGISTER"},
                 .domains = {},
                 .users = {},
                 .settings = {}},
                {.application = application,
                 .methods = {},
                 .domains = {},
                 .users = {},
                 .settings = std::move(given)}};
  if (!users.empty()) env->authentication = gatekeeper_of(realm, users, trusts);
  if (const auto fine = session::check(*env); !fine) throw std::runtime_error{fine.error().what};
  symbols_.add_ring(name, env->tokens);
  const flow at{{address, sip_port}};
  places_[name] = at;
  hosts_[host] = hosts_[address] = name;
  for (const auto& domain : domains) hosts_[domain] = name;
  elements_.emplace(name, element{std::move(env), 1000 * elements_.size(),
                                  [this, name, at](const flow& to, const std::string& bytes) {
                                    put(name, at, to, bytes);
                                  }});
}

// phone NAME aor=.. host=.. address=.. via=CLUSTER [over=tcp] [route=<..>]
void stage::make_phone(const arguments& words) {
  const auto& name = words.at(1);
  auto given = settings_of(words, 2);
  phone_settings is{.name = name, .aor = take(given, "aor"), .at = {}, .host = {}, .hop = {}};
  is.host = take(given, "host");
  const auto over = take(given, "over");
  is.at = flow{{take(given, "address"), sip_port},
               over.empty() ? transport::udp : transport_of(over).value()};
  const auto via = take(given, "via");
  if (!via.empty()) is.hop = flow{places_.at(via), is.at.over};
  is.route = take(given, "route");
  if (!given.empty()) throw std::runtime_error{"a phone has no " + given.begin()->first};
  places_[name] = is.at;
  hosts_[is.host] = hosts_[is.at.host] = name;
  const auto at = is.at;
  phones_.emplace(name,
                  phone{std::move(is), [this, name, at](const flow& to, const sip::message& m) {
                          put(name, at, to, sip::to_bytes(m));
                        }});
}

void stage::say(const std::string& who, const arguments& words) {
  auto& p = phones_.at(who);
  const auto& verb = words.at(0);
  const arguments rest{words.begin() + 1, words.end()};
  if (is_status(verb)) {
    arguments headers = rest;
    std::string method;
    if (!headers.empty() && headers.front().find(':') == std::string::npos) {
      method = headers.front();
      headers.erase(headers.begin());
    }
    return p.respond(std::stoi(verb), "", method, headers);
  }
  if (verb == "CANCEL") return p.cancel();
  if (verb == "repeats") return p.repeat();
  if (verb == "turns") return p.turn_to(flow{places_.at(words.at(2))});
  if (verb == "again") return p.again(settings_of(rest, 0)["password"]);
  if (verb == "REGISTER") {
    auto given = settings_of(rest, 1);
    return p.register_at(rest.at(0), take(given, "contact"), take(given, "expires"));
  }
  if (rest.empty()) return p.in_dialog(verb);
  p.request(verb, rest.front(), {rest.begin() + 1, rest.end()});
}

void stage::wait(const std::string& time) {
  settle();
  const auto until = now_ + time_of(time);
  settle_clock(until);
  now_ = until;
}

void stage::settle_clock(instant until) {
  for (;;) {
    std::optional<instant> first;
    for (const auto& [name, e] : elements_)
      if (const auto next = e.next_deadline(); next && (!first || *next < *first)) first = next;
    if (!first || *first > until) return;
    now_ = std::max(now_, *first);
    for (auto& [name, e] : elements_) e.fire(now_);
    settle();
  }
}

void stage::tell_what_is_left() {
  settle();
  wait("200s"); // beyond 64*T1 and timer C
  bool any = false;
  for (const auto& [name, e] : elements_)
    for (const auto& application : e.left()) {
      any = true;
      trace_ += name + ": " + application + "\n";
    }
  if (!any) trace_ += "nothing\n";
}

// rfc3665 SECTION 'Proxy 1'=atlanta ...
void stage::compare_with_rfc(const arguments& words) {
  const auto file = text_of_rfc3665();
  if (!file) throw std::runtime_error{"the text of RFC 3665 is not here"};
  trace_ += compare(flow_of_section(*file, words.at(1)), ladder_, settings_of(words, 2));
}

// ---- the wire ---------------------------------------------------------------------------------

void stage::put(const std::string& from, const flow& source, const flow& to,
                const std::string& bytes) {
  wire_.push_back({from, source, to, bytes});
}

void stage::settle() {
  for (unsigned count = 0; !wire_.empty(); ++count) {
    if (count == messages_max) throw std::runtime_error{"the messages do not end"};
    const auto m = std::move(wire_.front());
    wire_.pop_front();
    record(m);
    const auto owner = owner_of(m.to);
    if (cut_off_.contains(owner) || cut_off_.contains(m.from)) continue;
    if (const auto e = elements_.find(owner); e != elements_.end()) {
      e->second.deliver(m.source, m.bytes, now_);
      if (moving_) e->second.move(now_);
    } else if (const auto p = phones_.find(owner); p != phones_.end()) {
      auto parsed = sip::parse(m.bytes);
      if (!parsed) throw std::runtime_error{"it sent what cannot be parsed: " + m.bytes};
      p->second.deliver(*parsed);
    }
  }
}

std::string stage::owner_of(const flow& to) const {
  const auto found = hosts_.find(to.host);
  return found == hosts_.end() ? "nobody (" + to.host + ")" : found->second;
}

void stage::record(const in_flight& m) {
  const auto parsed = sip::parse(m.bytes);
  if (!parsed) throw std::runtime_error{m.from + " sent what cannot be parsed: " + m.bytes};
  const auto to = owner_of(m.to);
  auto way = m.from + " -> " + to;
  way.resize(std::max(names_width, way.size()), ' ');
  trace_ += way + "  " + symbols_.plain(summary_of(*parsed))
            + (cut_off_.contains(to) ? "  (lost)" : "") + "\n";
  for (const auto& name : shown_)
    for (const auto value : parsed->headers(name))
      trace_ += "    " + name + ": " + symbols_.plain(value) + "\n";
  ladder_.push_back(
      {m.from, to, parsed->is_request() ? parsed->method : std::to_string(parsed->status), ""});
}

} // namespace scenarios
