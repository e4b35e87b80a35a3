#include "protocol/applications/proxy.hpp"

#include "protocol/applications/identity.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/sip/forwarding_rules.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>

namespace holdfast::applications {

namespace {

constexpr const char* dialog_timer = "dialog";
constexpr std::size_t targets_max = 32; // of one request, redirections included
constexpr std::size_t parties_max = 64; // of the dialogs of one session

struct proxy_limits {
  unsigned timer_c_s;
  unsigned dialog_max_s;
};

result<proxy_limits> proxy_limits_of(const settings& given) {
  const auto timer_c = number_setting(given, "timer_c_s", 181, 3600, 181); // RFC 3261 16.6 step 11
  if (!timer_c) return tl::make_unexpected(timer_c.error());
  const auto dialog = number_setting(given, "dialog_max_s", 60, 7 * 86400, 43200);
  if (!dialog) return tl::make_unexpected(dialog.error());
  return proxy_limits{*timer_c, *dialog};
}

struct choice {
  const char* name;
  std::array<const char*, 2> values; // the default first
};

constexpr std::array choices = {
    choice{"fork", {"parallel", "sequential"}}, choice{"redirect", {"pass", "follow"}},
    choice{"foreign", {"refuse", "forward"}}, choice{"record_route", {"yes", "no"}}};

bool is_set(const context& session, const char* name, const char* value) {
  const auto found = session.rule().find(name);
  return found != session.rule().end() && found->second == value;
}

std::string late_timer(transaction_id from) {
  return "late " + std::to_string(from.value);
}

std::string timer_c(transaction_id branch) {
  return "c " + std::to_string(branch.value);
}

// RFC 3261 12.1: they make dialogs, whose requests come back here if we say so.
bool makes_dialog(const sip::message& m) {
  return m.is("INVITE") || m.is("SUBSCRIBE") || m.is("REFER");
}

std::uint32_t breadth_of(const sip::message& m) {
  const auto line = m.header("Max-Breadth");
  if (!line) return sip::max_breadth_default;
  return sip::text::to_number_saturated(*line).value_or(sip::max_breadth_default);
}

// RFC 5658: where the transport changes each side gets a URI of its own, the next hop's above.
void record_route(const context& session, sip::message& m, transport came, transport goes) {
  m.prepend("Record-Route", "<" + session.own_uri(came) + ">");
  if (goes != came) m.prepend("Record-Route", "<" + session.own_uri(goes) + ">");
}

content retry_after_2s() {
  return {{{"Retry-After", "2"}}, ""};
}

endpoint next_hop_of(const sip::message& m, const contact_location& at) {
  if (!at.destination.empty()) return parse_flow(at.destination).value_or(flow{});
  const auto routes = m.routes();
  const auto uri = routes && !routes->empty() ? result<sip::uri>{routes->front().uri}
                                              : sip::parse_uri(m.request_uri);
  return uri ? endpoint{uri->host, uri->port} : endpoint{};
}

} // namespace

result<void> proxy::check(const settings& given) {
  if (auto fine = only_settings(given, {"target", "fork", "redirect", "foreign", "record_route",
                                        "timer_c_s", "dialog_max_s"});
      !fine)
    return fine;
  if (const auto all = proxy_limits_of(given); !all) return tl::make_unexpected(all.error());
  for (const auto& [name, values] : choices) {
    const auto found = given.find(name);
    if (found == given.end() || found->second == values[0] || found->second == values[1]) continue;
    return fail(std::string{name} + " is \"" + found->second + "\"; write " + values[0] + " or "
                + values[1]);
  }
  const auto target = given.find("target");
  if (target != given.end() && !target_uri(target->second))
    return fail("target is \"" + target->second
                + "\"; write host:port or a SIP URI, as in \"127.0.0.1:5090\"");
  return {};
}

// RFC 3261 16.3 to 16.5. Method, scheme and credentials have been judged by the session.
void proxy::on_request(context& session, const incoming_request& request) {
  const auto& m = request.message;
  if (m.max_forwards() == 0U) return session.respond(request.id, 483);
  if (session.has_looped(m)) return session.respond(request.id, 482);
  if (demands_unknown_privacy(m)) return session.respond(request.id, 500);
  response_context c;
  c.from = request.id;
  c.request = m;
  c.breadth = breadth_of(m);
  sip::take_own_routes(c.request, [&](const sip::uri& uri) { return session.is_own_uri(uri); });
  assert_identity(c.request, session.trusts(request.source.host), request.user, session.realm());
  c.record_route = makes_dialog(m) && !is_set(session, "record_route", "no");
  c.over = request.source.over;
  if (session.is_over_its_flow(m, request.source)) c.flow = to_string(request.source);
  if (request.in_dialog) note_sender(request, c.flow);
  if (request.in_dialog && !dialogs.empty())
    session.set_expiry(dialog_timer,
                       std::chrono::seconds{proxy_limits_of(session.rule())->dialog_max_s});
  find_targets(session, std::move(c), request.in_dialog);
}

// RFC 3261 16.5: one predetermined target, or what the location service knows.
void proxy::find_targets(context& session, response_context c, bool in_dialog) {
  const auto uri = sip::parse_uri(c.request.request_uri);
  if (!uri) return session.respond(c.from, 400);
  const bool routed = in_dialog || c.request.has("Route");
  const auto fixed = session.rule().find("target");
  if (!routed && fixed != session.rule().end()) {
    auto target = target_uri(fixed->second);
    if (!target) return session.respond(c.from, 500);
    if (target->user.empty()) target->user = uri->user;
    c.left.push_back({.uri = sip::to_string(*target), .destination = {}});
  } else if (routed || !session.serves_domain(uri->host)) {
    if (!routed && !is_set(session, "foreign", "forward")) return session.respond(c.from, 403);
    c.left.push_back({.uri = c.request.request_uri,
                      .destination = in_dialog ? flow_to(c.request) : std::string{}});
  } else {
    c.question = ask_location(session, *uri);
    if (c.question == 0) return session.respond(c.from, 404);
  }
  contexts.push_back(std::move(c));
  if (contexts.back().question == 0) try_next(session, contexts.back());
}

void proxy::on_answered(context& session, const session::answered& reply) {
  const auto c = std::find_if(contexts.begin(), contexts.end(), [&](const auto& each) {
    return each.question == reply.id && reply.id != 0;
  });
  if (c == contexts.end()) return;
  c->question = 0;
  using outcome = session::answered::outcome;
  if (reply.what == outcome::no_such_session) return answer(session, *c, 404);
  // The shard is moving: the bindings are there, we just cannot read them now. Never a 404.
  if (reply.what == outcome::timed_out) return answer(session, *c, 480, retry_after_2s());
  auto found = decode<location_reply>(reply.bytes);
  if (!found) return answer(session, *c, 500);
  if (found->nobody) return answer(session, *c, 404);
  c->left = std::move(found->contacts);
  try_next(session, *c);
}

// The next group of targets: those of the highest q at once, or one (RFC 3261 16.6), as far as
// Max-Breadth allows (RFC 5393 5.3.3); what does not fit is tried when the group has failed.
void proxy::try_next(context& session, response_context& c) {
  while (!c.left.empty()) {
    if (c.breadth == 0) return answer(session, c, 440);
    const auto q = c.left.front().q_milli;
    const auto same = static_cast<std::size_t>(
        std::find_if(c.left.begin(), c.left.end(), [&](const auto& t) { return t.q_milli != q; })
        - c.left.begin());
    const auto wanted = is_set(session, "fork", "sequential") ? 1 : same;
    const auto count = std::min<std::size_t>(wanted, c.breadth);
    const auto first = c.left.begin();
    const std::vector<contact_location> group{first, first + static_cast<std::ptrdiff_t>(count)};
    c.left.erase(first, first + static_cast<std::ptrdiff_t>(count));
    const auto share = c.breadth / static_cast<std::uint32_t>(count);
    bool any = false;
    for (const auto& at : group) any = open_branch(session, c, at, share) || any;
    if (any) return;
  }
  finish(session, c);
}

bool proxy::open_branch(context& session, response_context& c, const contact_location& at,
                        std::uint32_t breadth) {
  c.tried.push_back(at);
  auto copy = c.request;
  copy.request_uri = at.uri;
  for (auto path = at.path.rbegin(); path != at.path.rend(); ++path) copy.prepend("Route", *path);
  copy.set("Max-Breadth", std::to_string(breadth));
  const bool trusted = session.trusts(next_hop_of(copy, at).host);
  withhold_identity(copy, trusted);
  const auto destination = parse_flow(at.destination);
  if (c.record_route)
    record_route(session, copy, c.over,
                 destination ? destination->over : session.transport_to(copy));
  const auto id = session.forward(c.from, std::move(copy),
                                  destination ? std::optional{*destination} : std::nullopt);
  if (id == transaction_id{}) return false;
  c.branches.push_back({.id = id,
                        .over = false,
                        .trusted = trusted,
                        .flow = at.path.empty() ? at.destination : std::string{}});
  if (c.request.is("INVITE"))
    session.set_timer(timer_c(id),
                      std::chrono::seconds{proxy_limits_of(session.rule())->timer_c_s});
  return true;
}

// RFC 3261 16.7.
void proxy::on_response(context& session, const incoming_response& response) {
  proxy_branch* branch = nullptr;
  response_context* c = nullptr;
  for (auto& each : contexts)
    for (auto& b : each.branches)
      if (b.id == response.id) c = &each, branch = &b;
  if (c == nullptr) return;
  auto passed = response.message;
  if (!branch->trusted) passed.remove("P-Asserted-Identity");
  if (response.status < 200) {
    if (response.status > 100 && response.method == "INVITE")
      session.set_timer(timer_c(branch->id),
                        std::chrono::seconds{proxy_limits_of(session.rule())->timer_c_s});
    if (!c->succeeded && !c->decided) session.relay(c->from, passed);
    return;
  }
  session.clear_timer(timer_c(branch->id));
  branch->over = true;
  if (response.status < 300) {
    if (response.method == "INVITE" || response.method == "SUBSCRIBE") {
      note_party(passed.from_tag(), c->flow);
      note_party(passed.to_tag(), branch->flow);
    }
    note_dialog(session, passed, response.method);
    session.relay(c->from, passed); // every 2xx to an INVITE; its copies too
    cancel_branches(session, *c);
    if (response.method != "INVITE") return forget(c->from);
    if (c->succeeded) return;
    c->succeeded = true;
    c->request = {}; // it goes nowhere any more
    c->left.clear();
    c->tried.clear();
    c->best.reset();
    // As long as a 2xx may be repeated, or come from another branch (RFC 6026 8.4).
    session.set_timer(late_timer(c->from), 64 * session.t1());
    return;
  }
  // Its connection is gone, and nobody has registered it anew: its Contact may be reached all the
  // same.
  const bool in_dialog = !c->request.to_tag().empty();
  // RFC 3261 12.2.1.2, 15.1.1: whoever says so has no dialog any more.
  if (response.method == "BYE" && (response.status == 481 || response.status == 408))
    end_dialog(session, passed);
  if (in_dialog && response.status == 503 && !branch->flow.empty() && !c->cancelled) {
    note_party(c->request.to_tag(), {});
    c->left.push_back({.uri = c->request.request_uri, .destination = {}});
  }
  final_response(session, *c, std::move(passed));
}

void proxy::final_response(context& session, response_context& c, sip::message response) {
  for (const auto* name : {"WWW-Authenticate", "Proxy-Authenticate"})
    for (const auto value : response.headers(name))
      c.challenges.push_back({name, std::string{value}});
  if (response.status >= 600 && !c.decided) {
    c.decided = true;
    c.left.clear();
    cancel_branches(session, c);
  }
  if (response.status / 100 == 3 && is_set(session, "redirect", "follow") && !c.decided
      && !c.cancelled && !c.succeeded)
    follow(c, response);
  else if (sip::better_response(response.status, c.best ? c.best->status : 0))
    c.best = std::move(response);
  const bool open =
      std::any_of(c.branches.begin(), c.branches.end(), [](const auto& b) { return !b.over; });
  if (open) return;
  if (c.succeeded) return; // until on_timer(): copies of a 2xx may come
  if (c.left.empty())
    finish(session, c);
  else
    try_next(session, c);
}

// RFC 3261 16.5: the contacts of a 3xx become targets, each at most once.
void proxy::follow(response_context& c, const sip::message& redirection) const {
  const auto contacts = redirection.contacts();
  if (!contacts) return;
  for (const auto& contact : *contacts) {
    const auto known = [&](const contact_location& t) {
      const auto uri = sip::parse_uri(t.uri);
      return uri && sip::equivalent(*uri, contact.uri);
    };
    if (!contact.uri.is_sip() || c.tried.size() + c.left.size() >= targets_max
        || std::any_of(c.tried.begin(), c.tried.end(), known)
        || std::any_of(c.left.begin(), c.left.end(), known))
      continue;
    c.left.push_back({.uri = sip::to_string(contact.uri),
                      .q_milli = static_cast<std::uint32_t>(contact.q()),
                      .destination = {}});
  }
  std::stable_sort(c.left.begin(), c.left.end(),
                   [](const auto& a, const auto& b) { return a.q_milli > b.q_milli; });
}

// RFC 3261 16.7 steps 6 to 8.
void proxy::finish(context& session, response_context& c) {
  if (!c.best || c.best->headers("Via").size() < 2)
    return answer(session, c, c.best ? c.best->status : (c.cancelled ? 487 : 480));
  auto best = std::move(*c.best);
  if (best.status == 503) return answer(session, c, 500); // 16.7 step 6: not our overload
  if (best.status == 401 || best.status == 407) {
    best.remove("WWW-Authenticate");
    best.remove("Proxy-Authenticate");
    for (const auto& one : c.challenges) best.add(one.name, one.value);
  }
  session.relay(c.from, best);
  forget(c.from);
}

void proxy::answer(context& session, response_context& c, int status, const content& carried) {
  session.respond(c.from, status, carried);
  forget(c.from);
}

// RFC 3261 16.7 step 10.
void proxy::cancel_branches(context& session, response_context& c) {
  for (const auto& b : c.branches)
    if (!b.over) session.cancel(b.id);
}

// RFC 3261 16.10. The 487 of the callee is what the caller gets.
void proxy::on_cancel(context& session, transaction_id invite) {
  const auto c = std::find_if(contexts.begin(), contexts.end(),
                              [&](const auto& each) { return each.from == invite; });
  if (c == contexts.end()) return;
  c->cancelled = true;
  c->left.clear();
  if (c->branches.empty()) return answer(session, *c, 487);
  cancel_branches(session, *c);
}

// Timer C (RFC 3261 16.8). A branch without any response ends by the transaction's own timer B.
void proxy::on_timer(context& session, const std::string& name) {
  if (name == dialog_timer) {
    dialogs.clear();
    return session.commit();
  }
  const auto late =
      std::ranges::find_if(contexts, [&](const auto& c) { return late_timer(c.from) == name; });
  if (late != contexts.end()) return forget(late->from);
  for (const auto& c : contexts)
    for (const auto& b : c.branches)
      if (timer_c(b.id) == name) return session.cancel(b.id);
}

void proxy::on_ack(context& session, dialog_id, const sip::message& ack) {
  auto passed = ack;
  sip::take_own_routes(passed, [&](const sip::uri& uri) { return session.is_own_uri(uri); });
  const auto flow = parse_flow(flow_to(passed));
  session.pass_ack(std::move(passed), flow ? std::optional{*flow} : std::nullopt);
}

// The session has to be found for as long as somebody may send through it.
void proxy::note_dialog(context& session, const sip::message& success, const std::string& method) {
  if (method == "BYE") return end_dialog(session, success);
  const auto named_in = [&](const std::vector<std::string>& tags) {
    return std::ranges::count(tags, success.to_tag()) + std::ranges::count(tags, success.from_tag())
           > 0;
  };
  const bool makes_one = method == "INVITE" || method == "SUBSCRIBE";
  if (!makes_one || named_in(dialogs) || named_in(ended) || is_set(session, "record_route", "no"))
    return;
  dialogs.push_back(success.to_tag());
  session.set_expiry(dialog_timer,
                     std::chrono::seconds{proxy_limits_of(session.rule())->dialog_max_s});
}

void proxy::end_dialog(context& session, const sip::message& bye_response) {
  for (const auto& tag : {bye_response.to_tag(), bye_response.from_tag()})
    if (std::erase(dialogs, tag) > 0 && ended.size() < parties_max) ended.push_back(tag);
  if (!dialogs.empty()) return;
  session.clear_timer(dialog_timer);
  parties.clear();
}

// One without Contact (INFO, BYE) does not say how its sender is reached; from behind a NAT it
// tells the mapping.
void proxy::note_sender(const incoming_request& request, const std::string& flow) {
  const auto tag = request.message.from_tag();
  if (!flow.empty() || request.message.has("Contact")) return note_party(tag, flow);
  const auto known =
      std::find_if(parties.begin(), parties.end(), [&](const auto& p) { return p.tag == tag; });
  if (known == parties.end() || request.source.reliable()) return;
  const auto before = parse_flow(known->flow);
  if (before && !before->reliable()) known->flow = to_string(request.source);
}

void proxy::note_party(std::string_view tag, const std::string& flow) {
  std::erase_if(parties, [&](const auto& p) { return p.tag == tag; });
  if (!flow.empty() && parties.size() < parties_max) parties.push_back({std::string{tag}, flow});
}

// Empty: by its next hop.
std::string proxy::flow_to(const sip::message& in_dialog) const {
  if (in_dialog.has("Route")) return {};
  const auto found = std::find_if(parties.begin(), parties.end(),
                                  [&](const auto& p) { return p.tag == in_dialog.to_tag(); });
  return found == parties.end() ? std::string{} : found->flow;
}

void proxy::forget(transaction_id from) {
  std::erase_if(contexts, [&](const auto& c) { return c.from == from; });
  if (contexts.empty()) ended.clear();
}

} // namespace holdfast::applications
