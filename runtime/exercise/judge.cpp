#include "runtime/exercise/judge.hpp"

#include "runtime/exercise/exchanges.hpp"

#include <algorithm>
#include <array>

namespace holdfast::exercise {

namespace {

constexpr std::array all_rules = {
    rule{"answered", "RFC 3261 17.1.1.2, 17.1.2.2", answered},
    rule{"successful", "RFC 3261 12.2.1, 13.2.2, 15.1", successful},
    rule{"cseq-grows", "RFC 3261 12.2.1.1", cseq_grows},
    rule{"dialog-id-kept", "RFC 3261 12", dialog_id_kept},
    rule{"route-set-kept", "RFC 3261 12.2", route_set_kept},
    rule{"target-kept", "RFC 3261 12.2.1.2", target_kept},
    rule{"origin-kept", "RFC 3264 8", origin_kept},
    rule{"success-acked", "RFC 3261 13.2.2.4", success_acked},
    rule{"silent-after-bye", "RFC 3261 15.1", silent_after_bye},
    rule{"arrives-once", "RFC 3261 17.2.3", arrives_once},
    rule{"ends-agree", "RFC 3261 15", ends_agree},
    rule{"responses-match", "RFC 3261 17.1.3", responses_match},
    rule{"one-final", "RFC 3261 17.2", one_final},
};

std::string named(const exchange& x) {
  return std::string{to_string(x.who)} + "'s " + x.request->method + " (CSeq "
         + std::to_string(x.request->cseq) + ")";
}

// A BYE that comes in before one went out: nobody here wanted the call to end.
const observation* foreign_bye(const call_log& log) {
  for (const auto& o : log.seen) {
    if (o.method != "BYE" || !o.is_request()) continue;
    return o.direction == way::received ? &o : nullptr;
  }
  return nullptr;
}

// RFC 3261 9: an INVITE that was cancelled ends with 487, and the CANCEL that came too late for it
// may find nothing to cancel.
bool ends_by_cancel(const exchange& x, const std::vector<exchange>& all) {
  const auto same_branch = [&](std::string_view method) {
    const auto it = std::find_if(all.begin(), all.end(), [&](const exchange& y) {
      return y.sent() && y.who == x.who && y.request->method == method
             && y.request->branch == x.request->branch;
    });
    return it == all.end() ? nullptr : &*it;
  };
  if (x.request->method == "INVITE" && x.final()->status == 487) {
    const auto* cancel = same_branch("CANCEL");
    return cancel != nullptr && cancel->request->at <= x.final()->at;
  }
  if (x.request->method != "CANCEL" || x.final()->status != 481) return false;
  const auto* invite = same_branch("INVITE");
  return invite != nullptr && invite->final() != nullptr && invite->final()->at <= x.final()->at;
}

} // namespace

std::span<const rule> rules() {
  return all_rules;
}

std::vector<violation> judge(const call_log& log, const circumstances& c) {
  std::vector<violation> out;
  for (const auto& r : rules())
    for (auto& what : r.check(log, c))
      out.push_back({r.name, r.source, log.number, log.call_id(), std::move(what)});
  return out;
}

std::optional<std::string> lost(const call_log& log, const circumstances& c) {
  if (!log.stable_at_fault || !c.fault_at) return std::nullopt;
  if (const auto* bye = foreign_bye(log))
    return std::string{to_string(bye->who)} + " received a BYE that the other end had not sent";
  const auto all = exchanges(log);
  bool asked = false;
  for (const auto& x : all) {
    if (!x.sent() || !x.in_dialog() || x.request->at < *c.fault_at) continue;
    asked = true;
    const auto* f = x.final();
    if (f == nullptr) return named(x) + " had no answer";
    if (x.deferred() && retry_of(x, all) != nullptr) continue;
    if (!f->is_success()) return named(x) + " was answered " + std::to_string(f->status);
  }
  if (!asked) return "was gone before anything could be sent in it";
  return std::nullopt;
}

complaints answered(const call_log& log, const circumstances& c) {
  complaints out;
  const auto limit = 64 * c.timers.t1;
  for (const auto& x : exchanges(log)) {
    if (!x.sent()) continue;
    const auto* f = x.final();
    const bool ringing = x.request->method == "INVITE" && !x.responses.empty();
    if (f == nullptr)
      out.push_back({x.request->at, named(x) + " had no final response, "
                                        + std::to_string(x.copies.size()) + " copies sent"});
    else if (!ringing && f->at - x.request->at > limit)
      out.push_back({f->at, named(x) + " had its final response after more than 64*T1"});
  }
  return out;
}

complaints successful(const call_log& log, const circumstances&) {
  complaints out;
  const auto all = exchanges(log);
  for (const auto& x : all) {
    const auto* f = x.final();
    if (!x.sent() || f == nullptr || f->is_success() || ends_by_cancel(x, all)) continue;
    const bool may = x.in_dialog() ? x.deferred() : x.challenged();
    if (may && retry_of(x, all) != nullptr) continue;
    out.push_back({f->at, named(x) + " was answered " + std::to_string(f->status)});
  }
  return out;
}

complaints success_acked(const call_log& log, const circumstances&) {
  complaints out;
  for (const auto& x : exchanges(log)) {
    if (!x.request || x.request->method != "INVITE") continue;
    const observation* last = nullptr;
    for (const auto* r : x.responses)
      if (r->is_success()) last = r;
    if (last == nullptr) continue;
    const auto acked = std::any_of(log.seen.begin(), log.seen.end(), [&](const observation& o) {
      return o.method == "ACK" && o.who == x.who && o.direction == x.request->direction
             && o.cseq == last->cseq && o.call_id == last->call_id && o.at >= last->at;
    });
    if (!acked)
      out.push_back({last->at, "no ACK after a 2xx to INVITE (CSeq " + std::to_string(last->cseq)
                                   + ") at the " + std::string{to_string(x.who)}
                                   + (last->deliberate ? ", a copy" : "")});
  }
  return out;
}

complaints arrives_once(const call_log& log, const circumstances&) {
  complaints out;
  if (!log.callee_is_ours) return out;
  const auto all = exchanges(log);
  for (const auto& x : all) {
    if (!x.sent() || x.request->exercise_id.empty()) continue;
    const auto& id = x.request->exercise_id;
    const auto times = std::count_if(all.begin(), all.end(), [&](const exchange& y) {
      return y.received() && y.who == other(x.who) && y.request->exercise_id == id
             && y.request->method == x.request->method;
    });
    const auto* f = x.final();
    const bool must = x.request->method == "INVITE" || x.request->method == "INFO";
    if (times > 1)
      out.push_back(
          {x.request->at, named(x) + " arrived " + std::to_string(times) + " times, id " + id});
    else if (times == 0 && must && f && f->is_success())
      out.push_back({x.request->at, named(x) + " had a 2xx and never arrived, id " + id});
  }
  return out;
}

complaints ends_agree(const call_log& log, const circumstances&) {
  const auto over = [](belief b) { return b == belief::ended || b == belief::nothing; };
  const auto last = log.seen.empty() ? instant{} : log.seen.back().at;
  const auto state = [&](party p) {
    return "the " + std::string{to_string(p)} + " " + std::string{to_string(log.of(p))};
  };
  if (!over(log.caller) || !over(log.callee))
    return {{last, "in the end " + state(party::caller)
                       + (log.callee_is_ours ? ", " + state(party::callee) : "")}};
  const bool talked = std::any_of(log.seen.begin(), log.seen.end(), [](const observation& o) {
    return o.who == party::caller && o.method == "INVITE" && o.is_success();
  });
  if (log.callee_is_ours && talked && log.callee == belief::nothing)
    return {{last, "the caller was in a call that no callee knew of"}};
  return {};
}

complaints responses_match(const call_log& log, const circumstances&) {
  complaints out;
  for (const auto& x : exchanges(log)) {
    if (x.request != nullptr) {
      if (x.sent() && x.responses.size() && x.responses.front()->at < x.request->at)
        out.push_back({x.request->at, named(x) + " was answered before it was sent"});
      continue;
    }
    const auto& r = *x.responses.front();
    if (r.direction == way::received)
      out.push_back({r.at, std::string{to_string(x.who)} + " received " + label(r)
                               + " to a request it had not sent, branch " + r.branch});
  }
  return out;
}

complaints one_final(const call_log& log, const circumstances&) {
  complaints out;
  for (const auto& x : exchanges(log)) {
    const auto* f = x.final();
    if (!x.sent() || f == nullptr) continue;
    for (const auto* r : x.responses) {
      if (!r->is_final() || (r->status == f->status && r->to_tag == f->to_tag)) continue;
      out.push_back({r->at, named(x) + " was answered " + std::to_string(f->status) + " and "
                                + std::to_string(r->status)
                                + (r->to_tag == f->to_tag ? "" : " with another To-tag")});
      break;
    }
  }
  return out;
}

} // namespace holdfast::exercise
