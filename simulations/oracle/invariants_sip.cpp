// The invariants that SIP itself states, about dialogs and transactions.
#include "simulations/oracle/invariants.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace holdfast::simulations {

namespace {

// What is on its way when something changes may still be seen that long after.
constexpr duration in_flight = 1s;
// A proxy holds a message at most that long, and a takeover takes less.
constexpr duration takeover_max = 5s;
// The alarm application of the simulation (campaign/alarm_clock.hpp).
constexpr duration alarm_after{3s};

std::string named(const exchange& x) {
  return x.method + " of " + x.agent + " (Call-ID " + x.call_id + ", CSeq "
         + (x.request->cseq() ? std::to_string(x.request->cseq()->number) : "?") + ")";
}

bool is_gone(int status) {
  return status == 481 || status == 408;
}

// Somebody ended the call before `at`, by other means than the request `x`: a BYE of either end or
// of the cluster, an end that knew the dialog no more, or a callee whose 2xx nobody acknowledged.
bool ended_otherwise(const evidence& e, const exchange& x, const call_end& end, instant at) {
  const auto of_call = [&](const exchange& other) {
    return &other != &x && e.number_of(other.call_id) == end.number;
  };
  return std::any_of(
             e.clients.begin(), e.clients.end(),
             [&](const auto& c) { return of_call(c) && c.method == "BYE" && c.first <= at; })
         || std::any_of(
             e.left.begin(), e.left.end(),
             [&](const auto& l) { return of_call(l) && l.method == "BYE" && l.first <= at; })
         || std::any_of(e.servers.begin(), e.servers.end(),
                        [&](const auto& s) {
                          return of_call(s) && s.method != "CANCEL" && is_gone(s.status())
                                 && s.finals.front().at <= at;
                        })
         || std::any_of(e.ends.begin(), e.ends.end(), [&](const call_end& other) {
              return other.number == end.number && other.at == side::callee
                     && other.state == call_end::phase::ended && other.answered_at
                     && !other.stood_at;
            });
}

} // namespace

// Design, "Failure", 5: never a 481 or 408 while a copy exists; when holding ends, 500 with
// Retry-After. When everything is well, a request in a dialog is simply answered.
void no_dialog_is_forgotten(const evidence& e, findings& out) {
  for (const auto& x : e.clients) {
    const auto* end = e.end_of(x);
    const auto* plan = end == nullptr ? nullptr : e.plan_of(end->number);
    if (end == nullptr || !x.in_dialog || x.method == "ACK" || x.method == "CANCEL") continue;
    if (x.method == "PRACK") continue; // an early dialog's
    if (plan != nullptr && (!plan->acknowledges || plan->silent_after)) continue;
    if (e.lost(x.call_id, end->began)) continue;
    const auto answered = x.finals.empty() ? e.end : x.finals.front().at;
    if (ended_otherwise(e, x, *end, answered) || e.overtaken(x)) continue;
    const int status = x.status();
    const bool honest_500 = status == 500 && x.finals.front().message->has("Retry-After");
    const bool glare = x.method == "INVITE" && (status == 491 || honest_500);
    const bool well = e.healthy(x.first) && e.healthy(answered);
    if (is_gone(status))
      out.push_back({"",
                     named(x) + " was answered " + std::to_string(status)
                         + " although its session has a copy",
                     end->number, answered});
    else if (status >= 500 && !honest_500 && !(status == 503 && plan && plan->rejects == 503))
      out.push_back(
          {"", named(x) + " was answered " + std::to_string(status), end->number, answered});
    else if (status >= 300 && well && !glare)
      out.push_back({"",
                     named(x) + " was answered " + std::to_string(status) + " when all was well",
                     end->number, answered});
    else if (status == 0 && x.first >= e.healed && e.healthy(x.first)
             && e.end - x.first > e.sixty_four_t1())
      out.push_back({"", named(x) + " was never answered", end->number, x.first});
    else if (status == 0 && x.method != "INVITE" && e.ready_again
             && x.first + e.sixty_four_t1() > e.healed + takeover_max + in_flight)
      out.push_back({"",
                     named(x)
                         + " was never answered, although it was repeated until all was "
                           "well again",
                     end->number, x.first});
  }
}

// Design, "What survives means": a call is stable until a BYE, and a BYE is its users'. The cluster
// ends one by itself only where an end did not keep to SIP, or its application threw.
void only_users_end_calls(const evidence& e, findings& out) {
  for (const auto& x : e.left) {
    const auto* end = e.end_of(x);
    const auto* plan = end == nullptr ? nullptr : e.plan_of(end->number);
    if (x.method != "BYE" || plan == nullptr || !end->stood_at || !plan->acknowledges) continue;
    const bool throws = plan->throws
                        || std::any_of(plan->requests.begin(), plan->requests.end(),
                                       [](const auto& r) { return r.throws; });
    if (throws || plan->cancels_after || plan->silent_after || e.lost(x.call_id, end->began))
      continue;
    // A ringing call is not stable yet: a 2xx that finds no session is acknowledged and ended.
    const auto callers = e.ends_of(end->number, side::caller);
    if (callers.empty() || !callers.front()->stood_at || *callers.front()->stood_at > x.first)
      continue;
    if (ended_otherwise(e, x, *end, x.first)) continue;
    out.push_back({"", "the cluster sent a BYE to " + end->agent + " although nobody hung up",
                   end->number, x.first});
  }
}

// RFC 3261 17.2.1, 17.2.2: the server transaction repeats its response, it does not make another.
void one_final_response(const evidence& e, findings& out) {
  for (const auto& x : e.clients) {
    for (std::size_t i = 1; i < x.finals.size(); ++i) {
      const auto& first = x.finals.front();
      const auto& other = x.finals[i];
      if (other.digest == first.digest) continue;
      const bool same_class = other.message->status / 100 == first.message->status / 100;
      // A proxy that gave up, or was told that the cluster is full, does not know of the copies
      // that got through, before or after.
      const auto of_proxy = [](const exchange::final_response& f) {
        const auto status = f.message->status;
        return (status == 500 || status == 503) && f.message->has("Retry-After");
      };
      if ((of_proxy(first) || of_proxy(other)) && !e.healthy(x.first)) continue;
      // Class stable: who heard of an INVITE may be dead when a copy of it comes, which makes
      // another call then.
      if (!x.in_dialog && x.method == "INVITE" && e.taken_over(x.first, other.at)) continue;
      // Nor does anybody know of them when all copies of the session are gone.
      if (is_gone(other.message->status) && e.lost(x.call_id, x.first)) continue;
      out.push_back({"",
                     named(x) + " was answered " + std::to_string(first.message->status)
                         + (same_class ? " twice, in different words" : " and then ")
                         + (same_class ? "" : std::to_string(other.message->status)),
                     e.number_of(x.call_id), other.at});
      break;
    }
  }
}

// Design, "Shards, sessions, routing": one request leads to one application upcall. In class stable
// that holds while the owner stays; class transaction holds it across failover too.
void one_upcall(const evidence& e, findings& out) {
  std::map<unsigned, std::set<std::string>> invited; // call -> Call-IDs at the callee
  std::map<std::pair<unsigned, side>, std::size_t> asked, arrived;
  std::map<unsigned, instant> last;
  for (const auto& x : e.servers) {
    const auto* end = e.end_of(x);
    if (end == nullptr) continue;
    last[end->number] = std::max(last[end->number], x.first);
    if (x.method == "INVITE" && !x.in_dialog) invited[end->number].insert(x.call_id);
    if (x.in_dialog && (x.method == "INFO" || x.method == "INVITE"))
      ++arrived[{end->number, end->at}];
  }
  for (const auto& x : e.clients)
    if (const auto* end = e.end_of(x);
        end != nullptr && x.in_dialog && (x.method == "INFO" || x.method == "INVITE"))
      ++asked[{end->number, end->at}];
  for (const auto& [number, call_ids] : invited) {
    const auto* plan = e.plan_of(number);
    const auto caller = e.ends_of(number, side::caller);
    const bool throws = plan != nullptr && plan->throws;
    if (call_ids.size() < 2 || throws || caller.empty()
        || e.taken_over(caller.front()->began, last[number]))
      continue;
    out.push_back({"", "one INVITE reached its callee as " + std::to_string(call_ids.size()),
                   number, last[number]});
  }
  for (const auto& [where, count] : arrived) {
    const auto [number, at] = where;
    const auto* plan = e.plan_of(number);
    const auto caller = e.ends_of(number, side::caller);
    if (plan == nullptr || plan->callee == "alarm" || caller.empty() || is_proxied(*plan)) continue;
    const bool throws = std::any_of(plan->requests.begin(), plan->requests.end(),
                                    [](const auto& r) { return r.throws; });
    const auto wanted = asked[{number, at == side::caller ? side::callee : side::caller}];
    if (count <= wanted || throws || e.taken_over(caller.front()->began, last[number])) continue;
    out.push_back(
        {"", std::to_string(wanted) + " requests in the call arrived as " + std::to_string(count),
         number, last[number]});
  }
}

// RFC 3261 13.3.1.4.
void success_until_ack(const evidence& e, findings& out) {
  for (const auto& end : e.ends) {
    if (end.at != side::caller || !end.answered_at) continue;
    const auto* plan = e.plan_of(end.number);
    if (e.lost(end.call_id, end.began) || (plan != nullptr && is_proxied(*plan))) continue;
    if (plan != nullptr && !plan->acknowledges) {
      const auto due = *end.answered_at + e.sixty_four_t1() + 2 * takeover_max;
      const bool ended =
          std::any_of(e.left.begin(), e.left.end(),
                      [&](const auto& x) { return x.method == "BYE" && x.call_id == end.call_id; })
          || std::any_of(e.servers.begin(), e.servers.end(), [&](const auto& x) {
               return x.call_id == end.call_id && is_gone(x.status()); // the agent ended it by that
             });
      if (!ended && e.end > due && e.healed + takeover_max < due)
        out.push_back(
            {"", "a 2xx was never acknowledged, and no BYE came 64*T1 later", end.number, due});
      continue;
    }
    if (!end.stood_at || !e.healthy(*end.stood_at)) continue;
    for (const auto& entry : e.log) {
      const bool copy = entry.how == passage::left && entry.message->status / 100 == 2
                        && entry.message->call_id() == end.call_id && entry.message->cseq()
                        && entry.message->cseq()->method == "INVITE"
                        && entry.message->cseq()->number == end.invite_cseq;
      // The ACK is a commit: also a new owner knows of it.
      if (!copy || entry.at < *end.stood_at + in_flight
          || !e.calm(*end.stood_at, *end.stood_at + in_flight))
        continue;
      out.push_back({"", "a 2xx was repeated after its ACK", end.number, entry.at});
      break;
    }
  }
}

// RFC 3261 15.1: a dialog that a BYE ended is over. Repetitions are of a branch that was seen
// before.
void nothing_after_bye(const evidence& e, findings& out) {
  for (const auto& end : e.ends) {
    std::optional<instant> over = end.bye_received_at;
    if (end.bye_answered_at && end.bye_status == 200)
      over = std::min(over.value_or(*end.bye_answered_at), *end.bye_answered_at);
    if (!over) continue;
    for (const auto& x : e.left) {
      const auto grace = e.healthy(*over) ? in_flight : takeover_max;
      const bool its = x.call_id == end.call_id && x.agent == end.agent
                       && x.request->from_tag() == end.remote_tag;
      if (!its || x.method == "ACK" || x.first <= *over + grace) continue;
      if (x.method == "BYE" && e.lost(end.call_id, end.began)) continue;
      out.push_back({"", x.method + " in a dialog that a BYE had ended", end.number, x.first});
      break;
    }
  }
}

// RFC 3261 12.2.1.1: no number is used twice, and while nothing is wrong each comes in its turn.
// Under faults the first copy of a request may be lost before anybody sees it; a later one of it is
// not in its turn.
void cseq_increases(const evidence& e, findings& out) {
  // Call-ID, agent and From-tag -> CSeq
  std::map<std::string, std::map<std::uint32_t, const exchange*>> used;
  for (const auto& x : e.left) {
    const auto number = x.request->cseq();
    if (!number || !x.in_dialog || x.method == "ACK" || x.method == "CANCEL") continue;
    auto& known = used[x.call_id + " " + x.agent + " " + x.request->from_tag()];
    const auto [place, fresh] = known.try_emplace(number->number, &x);
    if (!fresh) {
      out.push_back({"",
                     "CSeq " + std::to_string(number->number) + " was used for "
                         + place->second->method + " and again for " + x.method,
                     e.number_of(x.call_id), x.first});
      continue;
    }
    const auto later = std::next(place);
    if (later != known.end() && x.first > later->second->first + 100ms
        && e.calm(x.first - e.sixty_four_t1(), x.first))
      out.push_back(
          {"",
           "CSeq " + std::to_string(number->number) + " came after " + std::to_string(later->first),
           e.number_of(x.call_id), x.first});
  }
}

// RFC 3261 12.2.1.1, 12.1: what identifies a dialog, and where its other side is.
void dialog_is_unchanged(const evidence& e, findings& out) {
  std::map<std::string, std::set<std::string>> tags; // Call-ID and agent -> To-tags of its 2xx
  for (const auto& entry : e.log) {
    if (entry.how != passage::received) continue;
    const auto& m = *entry.message;
    const auto* end = e.end_of(m.call_id(), entry.agent);
    if (end == nullptr) continue;
    const auto wrong = [&](const std::string& what) {
      out.push_back({"", what, end->number, entry.at});
    };
    if (m.is_response()) {
      const auto what = m.cseq();
      if (!what || what->method != "INVITE" || m.status / 100 != 2) continue;
      auto& known = tags[m.call_id() + entry.agent];
      const bool fresh = known.insert(m.to_tag()).second && known.size() > 1;
      const bool ours = end->at == side::caller;
      // In class stable a copy of its INVITE may have made another call.
      const bool another = what->number == end->invite_cseq && e.taken_over(end->began, entry.at);
      if (ours && fresh && !another) wrong("the To-tag of a dialog changed");
      continue;
    }
    if (m.to_tag().empty() || !end->stood_at || end->remote_tag.empty()) continue;
    if (m.to_tag() != end->local_tag) wrong(m.method + " with another To-tag than its dialog's");
    if (m.from_tag() != end->remote_tag && !tags[m.call_id() + entry.agent].contains(m.from_tag()))
      wrong(m.method + " with another From-tag than its dialog's");
    if (m.request_uri.find(end->agent) == std::string::npos)
      wrong(m.method + " to " + m.request_uri + ", which is not the remote target");
  }
}

// Everything that requests leave by has crashed, and maybe at once.
bool no_way_out_remained(const run_plan& plan) {
  std::set<std::string> proxies;
  for (const auto& f : plan.faults) {
    if (f.kind != fault_kind::crash) continue;
    if (f.node.starts_with("dispatcher")) return true;
    if (f.node.starts_with("proxy")) proxies.insert(f.node);
  }
  return proxies.size() >= plan.cluster.proxies;
}

// Design, "Failure", 4: each timer fires once.
void timers_fire_once(const evidence& e, findings& out) {
  for (const auto& end : e.ends) {
    const auto* plan = e.plan_of(end.number);
    if (plan == nullptr || plan->callee != "alarm" || end.at != side::caller || !end.stood_at)
      continue;
    if (e.lost(end.call_id, end.began)) continue;
    std::vector<instant> rang;
    for (const auto& x : e.left)
      if (x.call_id == end.call_id && x.agent == end.agent && x.method == "INFO")
        rang.push_back(x.first);
    if (rang.size() > 1)
      out.push_back(
          {"", "a timer fired " + std::to_string(rang.size()) + " times", end.number, rang[1]});
    const auto due = *end.stood_at + alarm_after;
    const auto over = end.bye_sent_at.value_or(end.bye_received_at.value_or(e.end));
    const bool wanted = e.ready_again && over > std::max(due + takeover_max, e.healed + 500ms);
    if (rang.empty() && wanted) out.push_back({"", "a timer never fired", end.number, due});
    if (rang.empty()) continue;
    if (rang.front() < *end.stood_at + alarm_after - in_flight)
      out.push_back({"", "a timer fired too early", end.number, rang.front()});
    if (rang.front() > due + 150ms && e.calm(*end.stood_at - in_flight, rang.front()))
      out.push_back({"", "a timer fired too late", end.number, rang.front()});
    // After a failover it fires as soon as its session has an owner, had it been due before.
    instant owned{};
    for (const auto& t : e.takeovers)
      if (t.at <= rang.front()) owned = std::max(owned, t.at);
    const bool only_deaths =
        std::all_of(e.plan.faults.begin(), e.plan.faults.end(), [](const auto& f) {
          return f.kind == fault_kind::crash || f.kind == fault_kind::strangers;
        });
    const bool only_failovers = only_deaths && !no_way_out_remained(e.plan);
    if ((only_failovers || e.healthy(end.began)) && e.plan.buggify == 0
        && rang.front() > std::max(due, owned + 1s) + 500ms
        && !e.taken_over(*end.stood_at - in_flight, *end.stood_at + in_flight))
      out.push_back({"", "a timer fired late after a failover", end.number, rang.front()});
    // It may have fired before and not have got out: then it is repeated, RFC 3261 17.1.2.
    const bool open_since = due <= end.bye_answered_at.value_or(over)
                            && rang.front() <= due + takeover_max + e.sixty_four_t1();
    if (rang.front() > over + takeover_max && !open_since)
      out.push_back({"", "a timer fired after its call had ended", end.number, rang.front()});
  }
}

// RFC 3261 9.1, 9.2, 15.
void cancel_is_decided(const evidence& e, findings& out) {
  for (const auto& end : e.ends) {
    const auto* plan = e.plan_of(end.number);
    if (end.at != side::caller || !end.cancelled_at || plan == nullptr) continue;
    if (!e.calm(end.began, *end.cancelled_at + 2s) || e.lost(end.call_id, end.began)) continue;
    const bool decided = end.status == 487 || end.status / 100 == 2
                         || (plan->rejects != 0 && end.status >= 300) || end.status == 480
                         || end.status == 404;
    if (!decided && e.end > *end.cancelled_at + e.sixty_four_t1())
      out.push_back({"", "a cancelled INVITE was answered " + std::to_string(end.status),
                     end.number, *end.cancelled_at});
    // A 2xx may cross the CANCEL, and not come long after it.
    if (end.status / 100 == 2 && end.answered_at && *end.answered_at > *end.cancelled_at + in_flight
        && e.calm(end.began, *end.answered_at))
      out.push_back(
          {"", "a call was cancelled, and answered after that", end.number, *end.answered_at});
    for (const auto& x : e.clients)
      if (x.method == "CANCEL" && x.call_id == end.call_id && x.agent == end.agent
          && x.finals.empty())
        out.push_back({"", "a CANCEL was never answered", end.number, x.first});
    for (const auto* callee : e.ends_of(end.number, side::callee))
      if (end.status == 487 && callee->state != call_end::phase::ended)
        out.push_back({"", "the caller cancelled its call, the callee is still in it", end.number,
                       *end.cancelled_at});
  }
}

// Design, "What survives means": both ends confirmed or both ended within 64*T1, never half a call.
// Looked at before everybody hangs up, and after: one of the two is told to, the other has to hear
// of it.
void call_is_whole(const evidence& e, findings& out) {
  if (!e.ready_again) return;
  const auto look = [&](const std::vector<call_end>& ends, instant at) {
    for (const auto& callee : ends) {
      if (callee.at != side::callee) continue;
      const auto caller = std::find_if(ends.begin(), ends.end(), [&](const call_end& other) {
        return other.number == callee.number && other.at == side::caller;
      });
      if (caller == ends.end() || caller->in_call() == callee.in_call()) continue;
      if (e.lost(caller->call_id, caller->began) || e.lost(callee.call_id, caller->began)) continue;
      // Class stable: one that still rang through the proxy application may be lost with its node;
      // its 2xx passes and its ACK does not.
      const auto* plan = e.plan_of(callee.number);
      if (plan != nullptr && is_proxied(*plan)
          && e.taken_over(caller->began, callee.stood_at.value_or(at)))
        continue;
      const auto since = std::max(callee.stood_at.value_or(callee.began),
                                  caller->stood_at.value_or(caller->began));
      if (at < std::max(since + e.sixty_four_t1(), e.healed) + 2 * in_flight) continue;
      const bool half_at_callee = callee.in_call();
      out.push_back({"",
                     std::string{"half a call: the "} + (half_at_callee ? "callee" : "caller")
                         + " is in it, the " + (half_at_callee ? "caller" : "callee") + " is not",
                     callee.number, at});
    }
  };
  look(e.ends_before, e.hung_up);
  look(e.ends, e.end);
}

// RFC 4028 7.4, 10: who refreshes does so after half of the interval; a call whose other end has
// vanished is ended when the interval is over.
void sessions_are_refreshed(const evidence& e, findings& out) {
  for (const auto& end : e.ends) {
    const auto* plan = e.plan_of(end.number);
    if (plan == nullptr || plan->session_s == 0 || end.at != side::caller || !end.stood_at
        || e.lost(end.call_id, end.began))
      continue;
    const auto interval = std::chrono::seconds{plan->session_s};
    const auto left_to = [&](const std::string& agent, std::string_view method, instant until) {
      return std::any_of(e.left.begin(), e.left.end(), [&](const exchange& x) {
        return x.agent == agent && e.number_of(x.call_id) == end.number && x.method == method
               && x.first <= until;
      });
    };
    if (!end.silent_at) {
      const auto due = *end.stood_at + interval - takeover_max;
      if (end.bye_sent_at.value_or(e.end) > due && !end.bye_received_at
          && !left_to(end.agent, "UPDATE", due))
        out.push_back({"", "a session was not refreshed in time", end.number, due});
      continue;
    }
    const auto due = *end.silent_at + interval + e.sixty_four_t1() + 2 * takeover_max;
    for (const auto* callee : e.ends_of(end.number, side::callee))
      if (callee->stood_at && !callee->bye_sent_at && e.hung_up > due
          && !left_to(callee->agent, "BYE", due))
        out.push_back({"", "the other end vanished, and the call went on", end.number, due});
  }
}

} // namespace holdfast::simulations
