#include "protocol/applications/registrar.hpp"

#include "protocol/applications/location.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/sip/transport_rules.hpp"

#include <algorithm>
#include <chrono>

namespace holdfast::applications {

namespace {

constexpr unsigned a_week = 7 * 24 * 3600;
constexpr std::size_t bindings_max = 32; // of one address of record

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

// What a REGISTER wants of one contact.
struct wish {
  sip::name_addr contact;
  std::uint32_t expires = 0; // seconds; 0: remove it
};

std::vector<binding>::iterator find(std::vector<binding>& bindings, const sip::uri& contact) {
  return std::find_if(bindings.begin(), bindings.end(), [&](const binding& b) {
    const auto bound = sip::parse_uri(b.contact);
    return bound && sip::equivalent(*bound, contact); // RFC 3261 10.3 step 7
  });
}

// RFC 3261 10.3 step 7: an older request of the same UA must not undo a newer one.
bool out_of_order(const binding& b, const sip::message& request) {
  return b.call_id == request.call_id() && request.cseq()->number <= b.cseq;
}

content current_bindings(const context& session, const std::vector<binding>& bindings) {
  content carried;
  for (const auto& b : bindings) {
    const auto left = session.remaining(timer_of(b)).value_or(duration{});
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
    auto text = "<" + b.contact + ">;expires=" + std::to_string(std::max<long>(seconds, 0));
    if (b.q_milli < 1000) {
      const auto digits = std::to_string(b.q_milli);
      text += ";q=0." + std::string(3 - digits.size(), '0') + digits;
    }
    carried.headers.push_back({"Contact", std::move(text)});
  }
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
  session.respond(request.id, 200);
}

void apply(context& session, registrar& r, const wish& w, const incoming_request& request) {
  auto at = find(r.bindings, w.contact.uri);
  if (w.expires == 0) {
    if (at != r.bindings.end()) remove(session, r.bindings, at);
    return;
  }
  if (at == r.bindings.end()) {
    r.bindings.push_back({.contact = {}, .call_id = {}, .source = {}, .timer = ++r.last_timer});
    at = r.bindings.end() - 1;
  }
  at->contact = sip::to_string(w.contact.uri);
  at->call_id = request.message.call_id();
  at->cseq = request.message.cseq()->number;
  at->q_milli = static_cast<std::uint32_t>(w.contact.q());
  at->source = to_string(request.source);
  const auto lasts = planted<"binding-expires-early">() ? w.expires / 200 : w.expires;
  session.set_expiry(timer_of(*at), std::chrono::seconds{lasts});
}

} // namespace

result<void> registrar::check(const settings& given) {
  if (auto fine = only_settings(given, {"minimum_expires", "default_expires", "maximum_expires"});
      !fine)
    return fine;
  if (const auto all = limits_of(given); !all) return tl::make_unexpected(all.error());
  return {};
}

void registrar::on_request(context& session, const incoming_request& request) {
  const auto& m = request.message;
  if (!m.is("REGISTER")) return session.respond(request.id, 405, {{{"Allow", "REGISTER"}}, ""});
  const auto to = m.to();
  const auto domain = sip::parse_uri(m.request_uri);
  if (!to || !domain) return session.respond(request.id, 400);
  // RFC 3261 10.3 steps 1 and 5: neither a foreign domain nor an address of one.
  if (!session.serves_domain(domain->host)) return session.respond(request.id, 403);
  if (!session.serves_domain(to->uri.host)) return session.respond(request.id, 404);
  const auto contacts = m.contacts();
  const auto bounds = limits_of(session.rule());
  if (!contacts || !bounds) return session.respond(request.id, contacts ? 500 : 400);
  const bool all =
      std::any_of(contacts->begin(), contacts->end(), [](const auto& c) { return c.wildcard; });
  if (all) return remove_all(session, *this, request);

  // Every contact is judged before the first is bound: all or nothing (RFC 3261 10.3 step 7).
  std::vector<wish> wishes;
  for (const auto& contact : *contacts) {
    if (!contact.uri.is_sip()) return session.respond(request.id, 400);
    const auto wanted = contact.expires() ? contact.expires() : m.expires();
    const auto expires = std::min(wanted.value_or(bounds->otherwise), bounds->maximum);
    if (expires != 0 && expires < bounds->minimum)
      return session.respond(request.id, 423,
                             {{{"Min-Expires", std::to_string(bounds->minimum)}}, ""});
    const auto bound = find(bindings, contact.uri);
    if (bound != bindings.end() && out_of_order(*bound, m)) return session.respond(request.id, 500);
    wishes.push_back({contact, expires});
  }
  if (bindings.size() + wishes.size() > bindings_max) return session.respond(request.id, 403);
  for (const auto& w : wishes) apply(session, *this, w, request);
  session.respond(request.id, 200, current_bindings(session, bindings));
}

void registrar::on_timer(context& session, const std::string& name) {
  if (!planted<"binding-never-expires">())
    std::erase_if(bindings, [&](const binding& b) { return timer_of(b) == name; });
  session.commit();
}

std::string registrar::on_asked(context&, const std::string&) {
  location_reply reply;
  for (const auto& b : bindings) {
    contact_location at{.uri = b.contact, .q_milli = b.q_milli, .destination = {}, .unknown = {}};
    const auto uri = sip::parse_uri(b.contact);
    const auto target = uri ? sip::target_of(*uri) : fail("no URI");
    if (!target || to_string(target->where) != b.source) at.destination = b.source;
    reply.contacts.push_back(std::move(at));
  }
  std::stable_sort(reply.contacts.begin(), reply.contacts.end(),
                   [](const auto& a, const auto& b) { return a.q_milli > b.q_milli; });
  return encode(reply);
}

} // namespace holdfast::applications
