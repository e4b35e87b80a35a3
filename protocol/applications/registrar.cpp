#include "protocol/applications/registrar.hpp"

#include "protocol/applications/location.hpp"
#include "protocol/applications/registration_info.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/sip/reliable_provisional.hpp"
#include "protocol/sip/text.hpp"
#include "protocol/sip/transport_rules.hpp"

#include <algorithm>
#include <chrono>

namespace holdfast::applications {

namespace {

constexpr unsigned a_week = 7 * 24 * 3600;
constexpr std::size_t bindings_max = 32; // of one address of record
constexpr std::size_t watchers_max = 32;
constexpr unsigned subscription_default_s = 3761; // RFC 3680 4.4

struct limits {
  unsigned minimum;
  unsigned otherwise;
  unsigned maximum;
};

result<limits> limits_of(const settings& given) {
  const auto minimum = number_setting(given, "minimum_expires", 1, a_week, 10);
  if (!minimum) return tl::make_unexpected(minimum.error());
  const auto maximum =
      number_setting(given, "maximum_expires", *minimum, a_week, std::max(7200U, *minimum));
  if (!maximum) return tl::make_unexpected(maximum.error());
  const auto usual = std::clamp(3600U, *minimum, *maximum);
  const auto otherwise = number_setting(given, "default_expires", *minimum, *maximum, usual);
  if (!otherwise) return tl::make_unexpected(otherwise.error());
  return limits{*minimum, *otherwise, *maximum};
}

std::string timer_of(const binding& b) {
  return "binding " + std::to_string(b.timer);
}

std::string timer_of(const watcher& w) {
  return "subscription " + std::to_string(w.dialog.value);
}

// What a REGISTER wants of one contact.
struct wish {
  sip::name_addr contact;
  std::uint32_t expires = 0; // seconds; 0: remove it
};

// RFC 5626 4.1: "<urn:uuid:...>" in quotes.
std::string instance_of(const sip::name_addr& contact) {
  auto text = sip::param_value(contact.params, "+sip.instance");
  if (text.size() < 4 || !text.starts_with("\"<") || !text.ends_with(">\"")) return {};
  return std::string{text.substr(2, text.size() - 4)};
}

// RFC 5626 6: of no meaning without an instance.
std::uint32_t reg_id_of(const sip::name_addr& contact) {
  if (instance_of(contact).empty()) return 0;
  return sip::text::to_number_saturated(sip::param_value(contact.params, "reg-id")).value_or(0);
}

// RFC 3261 10.3 step 7; RFC 5626 6: of one flow of one instance there is one binding.
std::vector<binding>::iterator find(std::vector<binding>& bindings, const sip::name_addr& contact) {
  const auto instance = instance_of(contact);
  const auto reg_id = reg_id_of(contact);
  return std::find_if(bindings.begin(), bindings.end(), [&](const binding& b) {
    if (reg_id != 0 || b.reg_id != 0) return b.instance == instance && b.reg_id == reg_id;
    const auto bound = sip::parse_uri(b.contact);
    return bound && sip::equivalent(*bound, contact.uri);
  });
}

// RFC 5627 4.2: the address of record, and which of its instances.
std::string public_gruu(const std::string& aor, const std::string& instance) {
  return aor + ";gr=" + instance;
}

// RFC 5627 3.1.2: what a temporary GRUU of this binding stands for. All of them end with the
// binding, and when its user agent registers under another Call-ID.
std::string temporary_name(const binding& b) {
  return std::to_string(b.timer) + "." + std::to_string(b.era);
}

std::string temporary_gruu(context& session, const std::string& aor, const binding& b) {
  const auto uri = sip::parse_uri(aor);
  return "sip:" + std::string{temporary_gruu_mark} + session.conceal(temporary_name(b)) + "@"
         + sip::text::host_port_text(uri ? uri->host : std::string{}, 0) + ";gr";
}

// RFC 3261 10.3 step 7: an older request of the same UA must not undo a newer one.
bool out_of_order(const binding& b, const sip::message& request) {
  return b.call_id == request.call_id() && request.cseq()->number <= b.cseq;
}

// RFC 3261 10.3 step 8, and what the extensions add.
content current_bindings(context& session, const registrar& r, const sip::message& request) {
  content carried;
  const auto& bindings = r.bindings;
  const bool gruu = sip::names_option(request, "Supported", "gruu");
  for (const auto& b : bindings) {
    const auto left = session.remaining(timer_of(b)).value_or(duration{});
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
    auto text = "<" + b.contact + ">;expires=" + std::to_string(std::max<long>(seconds, 0));
    if (b.q_milli < 1000) {
      const auto digits = std::to_string(b.q_milli);
      text += ";q=0." + std::string(3 - digits.size(), '0') + digits;
    }
    if (!b.instance.empty()) text += ";+sip.instance=\"<" + b.instance + ">\"";
    if (b.reg_id != 0) text += ";reg-id=" + std::to_string(b.reg_id);
    if (gruu && !b.instance.empty())
      text += ";pub-gruu=\"" + public_gruu(r.aor, b.instance) + "\";temp-gruu=\""
              + temporary_gruu(session, r.aor, b) + "\"";
    carried.headers.push_back({"Contact", std::move(text)});
  }
  for (const auto value : request.headers("Path"))
    carried.headers.push_back({"Path", std::string{value}}); // RFC 3327 5.3
  if (const auto route = session.rule().find("service_route"); route != session.rule().end())
    carried.headers.push_back({"Service-Route", route->second});
  // RFC 5626 6: the flow is that of the REGISTER itself, with nobody in between.
  const auto contacts = request.contacts();
  if (contacts && sip::names_option(request, "Supported", "outbound")
      && request.headers("Via").size() == 1
      && std::any_of(contacts->begin(), contacts->end(),
                     [](const auto& c) { return !c.wildcard && reg_id_of(c) != 0; }))
    carried.headers.push_back({"Require", "outbound"});
  return carried;
}

void remove(context& session, std::vector<binding>& bindings,
            std::vector<binding>::iterator which) {
  session.clear_timer(timer_of(*which));
  bindings.erase(which);
}

// "Contact: *" (RFC 3261 10.2.2): everything goes, or nothing.
void remove_all(context& session, registrar& r, const incoming_request& request) {
  const auto& m = request.message;
  if (m.expires() != 0U || m.headers("Contact").size() != 1)
    return session.respond(request.id, 400);
  for (const auto& b : r.bindings)
    if (out_of_order(b, m)) return session.respond(request.id, 500);
  while (!r.bindings.empty()) remove(session, r.bindings, r.bindings.begin());
  session.respond(request.id, 200, current_bindings(session, r, m));
}

void apply(context& session, registrar& r, const wish& w, const incoming_request& request) {
  auto at = find(r.bindings, w.contact);
  if (w.expires == 0) {
    if (at != r.bindings.end()) remove(session, r.bindings, at);
    return;
  }
  if (at == r.bindings.end()) {
    r.bindings.push_back({.contact = {},
                          .call_id = {},
                          .source = {},
                          .timer = ++r.last_timer,
                          .instance = {},
                          .path = {}});
    at = r.bindings.end() - 1;
  }
  at->contact = sip::to_string(w.contact.uri);
  if (at->call_id != request.message.call_id()) ++at->era;
  at->call_id = request.message.call_id();
  at->cseq = request.message.cseq()->number;
  at->q_milli = static_cast<std::uint32_t>(w.contact.q());
  at->source = to_string(request.source);
  at->instance = instance_of(w.contact);
  at->reg_id = reg_id_of(w.contact);
  at->path.clear();
  for (const auto value : request.message.headers("Path")) at->path.emplace_back(value);
  const auto lasts = planted<"binding-expires-early">() ? w.expires / 60 : w.expires;
  session.set_expiry(timer_of(*at), std::chrono::seconds{lasts});
}

} // namespace

result<void> registrar::check(const settings& given) {
  if (auto fine = only_settings(
          given, {"minimum_expires", "default_expires", "maximum_expires", "service_route"});
      !fine)
    return fine;
  if (const auto route = given.find("service_route"); route != given.end())
    if (const auto read = sip::parse_name_addr(route->second); !read || !read->uri.is_sip())
      return fail("service_route is \"" + route->second
                  + "\"; write a route, as in \"<sip:192.0.2.1;lr>\"");
  if (const auto all = limits_of(given); !all) return tl::make_unexpected(all.error());
  return {};
}

void registrar::on_request(context& session, const incoming_request& request) {
  const auto& m = request.message;
  if (aor.empty())
    if (const auto uri = m.is("REGISTER") ? m.to() : sip::parse_name_addr(m.request_uri))
      aor = sip::canonical_aor(uri->uri);
  if (m.is("REGISTER")) return on_register(session, request);
  if (m.is("SUBSCRIBE")) return on_subscribe(session, request);
  session.respond(request.id, 405, {{{"Allow", "REGISTER, SUBSCRIBE"}}, ""});
}

void registrar::on_register(context& session, const incoming_request& request) {
  const auto& m = request.message;
  const auto to = m.to();
  const auto domain = sip::parse_uri(m.request_uri);
  // What is bound may be of any scheme, what it is bound to may not.
  if (!to || !domain || !to->uri.is_sip()) return session.respond(request.id, 400);
  // RFC 3261 10.3 steps 1 and 5: neither a foreign domain nor an address of one.
  if (!session.serves_domain(domain->host)) return session.respond(request.id, 403);
  if (!session.serves_domain(to->uri.host)) return session.respond(request.id, 404);
  const auto contacts = m.contacts();
  const auto bounds = limits_of(session.rule());
  if (!contacts || !bounds) return session.respond(request.id, contacts ? 500 : 400);
  const bool all =
      std::any_of(contacts->begin(), contacts->end(), [](const auto& c) { return c.wildcard; });
  if (all) {
    remove_all(session, *this, request);
    return notify_all(session);
  }

  // Every contact is judged before the first is bound: all or nothing (RFC 3261 10.3 step 7).
  std::vector<wish> wishes;
  std::size_t fresh = 0;
  for (const auto& contact : *contacts) {
    const auto wanted = contact.expires() ? contact.expires() : m.expires();
    const auto expires = std::min(wanted.value_or(bounds->otherwise), bounds->maximum);
    if (expires != 0 && expires < bounds->minimum)
      return session.respond(request.id, 423,
                             {{{"Min-Expires", std::to_string(bounds->minimum)}}, ""});
    const auto bound = find(bindings, contact);
    if (bound == bindings.end() && expires != 0) ++fresh;
    if (bound != bindings.end() && out_of_order(*bound, m)) return session.respond(request.id, 500);
    wishes.push_back({contact, expires});
  }
  if (bindings.size() + fresh > bindings_max) return session.respond(request.id, 403);
  for (const auto& w : wishes) apply(session, *this, w, request);
  session.respond(request.id, 200, current_bindings(session, *this, m));
  if (!wishes.empty()) notify_all(session);
}

void registrar::on_timer(context& session, const std::string& name) {
  const auto ended = std::find_if(watchers.begin(), watchers.end(),
                                  [&](const watcher& w) { return timer_of(w) == name; });
  if (ended != watchers.end()) {
    notify(session, *ended, "terminated;reason=timeout"); // RFC 6665 4.2.2
    watchers.erase(ended);
  } else if (planted<"binding-never-expires">()) {
    return;
  } else if (std::erase_if(bindings, [&](const binding& b) { return timer_of(b) == name; }) != 0) {
    notify_all(session);
  }
  session.commit();
}

// ---- those who watch the bindings (RFC 6665, RFC 3680) ------------------------------------------

void registrar::on_subscribe(context& session, const incoming_request& request) {
  const auto& m = request.message;
  const auto event = m.header("Event");
  if (!event || !sip::text::same(sip::text::trim(event->substr(0, event->find(';'))), "reg"))
    return session.respond(request.id, 489, {{{"Allow-Events", "reg"}}, ""});
  if (m.has("Accept") && !sip::names_option(m, "Accept", registration_info_type))
    return session.respond(request.id, 406);
  const auto bounds = limits_of(session.rule());
  const auto wanted = m.expires().value_or(subscription_default_s);
  const auto granted = std::min<std::uint32_t>(wanted, bounds ? bounds->maximum : wanted);
  auto known = std::find_if(watchers.begin(), watchers.end(),
                            [&](const watcher& w) { return w.dialog == request.dialog; });
  if (known == watchers.end()) {
    if (watchers.size() >= watchers_max)
      return session.respond(request.id, 503, {{{"Retry-After", "60"}}, ""});
    watchers.push_back({.dialog = request.dialog});
    known = watchers.end() - 1;
  }
  session.respond(request.id, 200, {{{"Expires", std::to_string(granted)}}, ""});
  if (granted != 0) {
    session.set_expiry(timer_of(*known), std::chrono::seconds{granted});
    return notify(session, *known, "active;expires=" + std::to_string(granted));
  }
  session.clear_timer(timer_of(*known));
  notify(session, *known, "terminated;reason=timeout");
  watchers.erase(known);
}

void registrar::notify(context& session, watcher& w, const std::string& state) {
  std::vector<registered_contact> contacts;
  for (const auto& b : bindings)
    contacts.push_back(
        {std::to_string(b.timer), b.contact,
         std::chrono::ceil<std::chrono::seconds>(session.remaining(timer_of(b)).value_or(0s))});
  session.send_in(w.dialog, "NOTIFY",
                  {{{"Event", "reg"},
                    {"Subscription-State", state},
                    {"Content-Type", std::string{registration_info_type}}},
                   registration_info(aor, w.version, contacts)});
  if (!planted<"document-keeps-its-version">()) ++w.version;
}

void registrar::notify_all(context& session) {
  for (auto& w : watchers) {
    const auto left = session.remaining(timer_of(w)).value_or(0s);
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
    notify(session, w, "active;expires=" + std::to_string(std::max<long>(seconds, 0)));
  }
}

// RFC 6665 4.2.2: who does not take a NOTIFY has no subscription any more.
void registrar::on_response(context& session, const incoming_response& response) {
  if (response.method != "NOTIFY" || session.alive(response.dialog)) return;
  const auto gone = std::find_if(watchers.begin(), watchers.end(),
                                 [&](const watcher& w) { return w.dialog == response.dialog; });
  if (gone == watchers.end()) return;
  session.clear_timer(timer_of(*gone));
  watchers.erase(gone);
}

std::string registrar::on_asked(context&, const std::string& bytes) {
  const auto query = decode<location_query>(bytes);
  location_reply reply;
  auto instance = query ? query->gruu : std::string{};
  if (query && !query->temporary.empty()) {
    const auto named = std::find_if(bindings.begin(), bindings.end(), [&](const binding& b) {
      return temporary_name(b) == query->temporary;
    });
    reply.nobody = named == bindings.end();
    if (reply.nobody) return encode(reply);
    instance = named->instance;
  }
  for (const auto& b : bindings) {
    if (!instance.empty() && b.instance != instance) continue;
    // A telephone or a mailbox (RFC 3261 10.2.1) is listed, and nothing that we could call.
    if (const auto uri = sip::parse_uri(b.contact); !uri || !uri->is_sip()) continue;
    contact_location at{.uri = b.contact, .q_milli = b.q_milli, .destination = {}, .path = b.path};
    if (!b.path.empty()) { // RFC 3327 5.4: the way back is the way it came
      reply.contacts.push_back(std::move(at));
      continue;
    }
    const auto uri = sip::parse_uri(b.contact);
    const auto target = uri ? sip::target_of(*uri) : fail("no URI");
    if (!target || to_string(*target) != b.source) at.destination = b.source;
    reply.contacts.push_back(std::move(at));
  }
  std::stable_sort(reply.contacts.begin(), reply.contacts.end(),
                   [](const auto& a, const auto& b) { return a.q_milli > b.q_milli; });
  return encode(reply);
}

} // namespace holdfast::applications
