// The rules about what must not change while a dialog lives.
#include "runtime/exercise/exchanges.hpp"
#include "runtime/exercise/judge.hpp"
#include "runtime/exercise/session_description.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace holdfast::exercise {

namespace {

constexpr std::array both = {party::caller, party::callee};

std::string at_the(party p) {
  return " at the " + std::string{to_string(p)};
}

// The 2xx that confirmed the dialog of this end; nullptr: there was none.
const observation* confirmation(const call_log& log, party who) {
  const auto direction = who == party::caller ? way::received : way::sent;
  for (const auto& o : log.seen)
    if (o.who == who && o.direction == direction && o.method == "INVITE" && o.is_success())
      return &o;
  return nullptr;
}

// An INVITE without a To-tag began a dialog of its own: the second one of a doubled INVITE.
bool is_another_dialog(const call_log& log, party who, const std::string& call_id) {
  return std::any_of(log.seen.begin(), log.seen.end(), [&](const observation& o) {
    return o.who == who && o.call_id == call_id && o.method == "INVITE" && o.is_request()
           && o.to_tag.empty();
  });
}

// Received at this end in its dialog, copies left out. The far end wrote it.
template <class F>
void for_each_received(const call_log& log, party who, const F& f) {
  for (const auto& x : exchanges(log)) {
    if (x.who != who) continue;
    if (x.received()) f(*x.request);
    std::vector<std::pair<int, std::string>> seen;
    for (const auto* r : x.responses) {
      const auto is = std::pair{r->status, r->to_tag};
      if (r->direction != way::received || std::count(seen.begin(), seen.end(), is) != 0) continue;
      seen.push_back(is);
      f(*r);
    }
  }
}

bool refreshes_target(const observation& o) {
  return (o.method == "INVITE" || o.method == "UPDATE") && (o.is_request() || o.is_success());
}

// Every non-empty value equals the first one.
template <class F>
complaints constant(const call_log& log, const char* what, const F& value) {
  complaints out;
  for (const auto who : both) {
    const auto* made = confirmation(log, who);
    if (made == nullptr) continue;
    std::map<std::string, std::string> first; // by what value() says is comparable
    for_each_received(log, who, [&](const observation& o) {
      if (o.call_id != made->call_id) return;
      const auto [kind, text] = value(o);
      if (text.empty()) return;
      const auto [it, fresh] = first.emplace(kind, text);
      if (!fresh && it->second != text)
        out.push_back({o.at, std::string{what} + at_the(who) + " was " + it->second + " and is "
                                 + text + " in " + label(o)});
    });
  }
  return out;
}

} // namespace

complaints cseq_grows(const call_log& log, const circumstances&) {
  complaints out;
  for (const auto who : both) {
    std::map<std::string, std::uint32_t> highest; // by Call-ID
    for (const auto& x : exchanges(log)) {
      if (!x.received() || x.who != who || x.request->method == "CANCEL") continue;
      const auto& o = *x.request;
      const auto [it, fresh] = highest.emplace(o.call_id, o.cseq);
      if (fresh) continue;
      if (o.cseq <= it->second)
        out.push_back({o.at, "a new " + o.method + " with CSeq " + std::to_string(o.cseq)
                                 + " after " + std::to_string(it->second) + at_the(who)});
      it->second = std::max(it->second, o.cseq);
    }
  }
  return out;
}

complaints dialog_id_kept(const call_log& log, const circumstances&) {
  complaints out;
  for (const auto who : both) {
    const auto* made = confirmation(log, who);
    if (made == nullptr) continue;
    const bool calling = who == party::caller;
    const auto& local = calling ? made->from_tag : made->to_tag;
    const auto& remote = calling ? made->to_tag : made->from_tag;
    for (const auto& o : log.seen) {
      if (o.who != who || o.direction != way::received || o.at < made->at) continue;
      if (o.status == 100 || o.method == "CANCEL") continue;
      if (o.is_request() && o.to_tag.empty()) continue; // a copy of the INVITE that made it
      const auto& ours = o.is_request() ? o.to_tag : o.from_tag;
      const auto& theirs = o.is_request() ? o.from_tag : o.to_tag;
      if (o.call_id == made->call_id && ours == local && theirs == remote) continue;
      if (o.call_id != made->call_id && is_another_dialog(log, who, o.call_id)) continue;
      out.push_back({o.at, label(o) + at_the(who) + " has Call-ID " + o.call_id + " and tags "
                               + ours + ", " + theirs + "; the dialog is " + made->call_id + ", "
                               + local + ", " + remote});
    }
  }
  return out;
}

// Requests and responses apart: the two directions list the same proxies in opposite order.
complaints route_set_kept(const call_log& log, const circumstances&) {
  return constant(log, "the route set", [](const observation& o) {
    return std::pair{std::string{o.is_request() ? "request" : "response"},
                     o.method == "INVITE" ? o.record_route : std::string{}};
  });
}

complaints target_kept(const call_log& log, const circumstances&) {
  return constant(log, "the remote target", [](const observation& o) {
    return std::pair{std::string{}, refreshes_target(o) ? o.contact : std::string{}};
  });
}

complaints origin_kept(const call_log& log, const circumstances&) {
  complaints out;
  for (const auto who : both) {
    std::optional<origin> known;
    for_each_received(log, who, [&](const observation& o) {
      if (o.origin.empty()) return;
      const auto now = parse_origin(o.origin);
      if (!now) {
        out.push_back({o.at, "unreadable o= line" + at_the(who) + ": " + o.origin});
        return;
      }
      if (known && known->identity != now->identity)
        out.push_back({o.at, "the SDP origin" + at_the(who) + " was " + known->identity + "and is "
                                 + now->identity + "in " + label(o)});
      else if (known && now->version < known->version)
        out.push_back({o.at, "the SDP version" + at_the(who) + " fell from "
                                 + std::to_string(known->version) + " to "
                                 + std::to_string(now->version) + " in " + label(o)});
      known = now;
    });
  }
  return out;
}

complaints silent_after_bye(const call_log& log, const circumstances&) {
  complaints out;
  const auto all = exchanges(log);
  for (const auto& bye : all) {
    const auto* f = bye.final();
    if (!bye.request || bye.request->method != "BYE" || f == nullptr || !f->is_success()) continue;
    for (const auto& x : all) {
      if (!x.received() || x.who != bye.who || x.request->at <= f->at) continue;
      if (x.request->call_id != bye.request->call_id) continue;
      out.push_back({x.request->at,
                     "a new " + x.request->method + at_the(x.who) + " after the 2xx to the BYE"});
    }
  }
  return out;
}

} // namespace holdfast::exercise
