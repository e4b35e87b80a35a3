// The invariants that the design states, about the cluster.
#include "simulations/oracle/invariants.hpp"

#include <algorithm>
#include <iterator>
#include <map>

namespace holdfast::simulations {

namespace {

// Between the containers, so many shards more than the fair share may one have.
constexpr std::size_t shards_over_share = 2;
// One in so many of a crowd is served, whatever its size.
constexpr std::size_t goodput_floor = 5;

} // namespace

// House rule: a node whose own state can not be trusted exits. It was given up, or it has a bug.
void nobody_ends_by_itself(const evidence& e, findings& out) {
  for (const auto& why : e.fail_stops)
    if (why.find(" dead") == std::string::npos) out.push_back({"", why, 0, e.faults_end});
}

// Design, "Fences".
void one_owner_speaks(const evidence& e, findings& out) {
  for (const auto& d : e.double_outputs) out.push_back({"", d.what, 0, d.at});
  for (const auto& t : e.takeovers)
    if (t.emptied && t.copy_survived)
      out.push_back({"",
                     "shard " + std::to_string(t.shard.value) + " was emptied at epoch "
                         + std::to_string(t.epoch.value) + " although a full copy of it was alive",
                     0, t.at});
}

// Design, "Shards, sessions, routing": a shard is the unit of routing, and has one owner.
void one_container_serves(const evidence& e, findings& out) {
  for (const auto& d : e.double_deliveries) out.push_back({"", d.what, 0, d.at});
}

// Design, "Growing, shrinking": drain does that with all shards and loses nothing.
void drains_lose_nothing(const evidence& e, findings& out) {
  const bool only_moves =
      std::all_of(e.plan.faults.begin(), e.plan.faults.end(), [](const fault& f) {
        return f.kind == fault_kind::drain || f.kind == fault_kind::replace
               || f.kind == fault_kind::move || f.kind == fault_kind::crowd;
      });
  if (!only_moves || e.plan.faults.empty()) return;
  const auto until = e.last_crash.value_or(e.end);
  for (const auto& t : e.takeovers)
    if (t.emptied && t.at < until)
      out.push_back({"",
                     "shard " + std::to_string(t.shard.value)
                         + " was emptied although nothing but moves happened",
                     0, t.at});
  for (const auto& x : e.clients) {
    const auto* end = e.end_of(x);
    const auto* plan = end == nullptr ? nullptr : e.plan_of(end->number);
    if (plan == nullptr || plan->throws || !plan->acknowledges) continue;
    const bool asked_to_throw = std::any_of(plan->requests.begin(), plan->requests.end(),
                                            [](const auto& r) { return r.throws; });
    const bool unwell =
        x.status() >= 500 && x.status() != plan->rejects && x.method != "INVITE" && !e.overtaken(x);
    if (!x.in_dialog || asked_to_throw || !unwell || x.finals.front().at >= until) continue;
    out.push_back({"",
                   x.method + " in a dialog was answered " + std::to_string(x.status())
                       + " although nothing but moves happened",
                   end->number, x.finals.front().at});
  }
}

// Design, "Shards, sessions, routing": a token whose MAC does not fit is somebody else's. Who
// believed it would acknowledge and end, at whatever address it names, calls that never were.
void forgery_has_no_effect(const evidence& e, findings& out) {
  for (const auto& [at, what] : e.told_to_strangers)
    out.push_back({"", "a forged token made the cluster send " + what + " to a stranger", 0, at});
}

// Design, "What survives means": a binding whose 200 was seen rings until it expires, and not
// after.
void bindings_survive(const evidence& e, findings& out) {
  for (const auto& end : e.ends) {
    if (end.at != side::caller || !e.healthy(end.began)) continue;
    const auto* plan = e.plan_of(end.number);
    if (plan == nullptr) continue;
    const auto bound = e.registered.find(plan->callee);
    if (bound == e.registered.end()) continue;
    const auto since = e.registered_at.at(plan->callee);
    const auto expires = since + std::chrono::seconds{bound->second};
    // What expired while nobody owned it has a grace from the takeover on (design, "Failure", 4).
    auto silent = expires;
    for (const auto& t : e.takeovers)
      if (t.shard == e.shard_of_user.at(plan->callee) && t.at <= end.began)
        silent = std::max(silent, t.at);
    const bool rang = !e.ends_of(end.number, side::callee).empty();
    const bool unreachable = end.status == 404 || end.status == 480;
    if (end.began > silent + 5s && rang)
      out.push_back(
          {"", "the binding of " + plan->callee + " had expired, and rang", end.number, end.began});
    if (end.began + 2s < expires && !rang && unreachable && !e.lost_user(plan->callee, e.formed))
      out.push_back({"",
                     plan->callee + " is registered, and a call to it was answered "
                         + std::to_string(end.status),
                     end.number, end.began});
  }
}

// RFC 6665 4.1.2.2, 4.4.3: renewed it is told anew. RFC 3680 5.1: each document has a higher
// version than the one before.
void subscriptions_survive(const evidence& e, findings& out) {
  for (const auto& s : e.subscriptions) {
    if (!s.stands() || e.lost_user(s.user, s.wishes.front().at)) continue;
    std::map<std::uint32_t, std::uint32_t> by_cseq;
    for (const auto& w : s.told) {
      const auto later = by_cseq.upper_bound(w.cseq);
      const bool ordered = (later == by_cseq.end() || later->second > w.version)
                           && (later == by_cseq.begin() || std::prev(later)->second < w.version);
      if (!ordered || !by_cseq.emplace(w.cseq, w.version).second)
        out.push_back({"",
                       s.agent + " was told version " + std::to_string(w.version) + " with CSeq "
                           + std::to_string(w.cseq) + ", which is out of order",
                       0, w.at});
    }
    for (const auto& w : s.wishes) {
      if (!e.healthy(w.at)) continue;
      const bool told = std::any_of(s.told.begin(), s.told.end(), [&](const auto& t) {
        return t.active && t.at >= w.at && t.at <= w.at + 2s;
      });
      if (w.status / 100 == 2 && told) continue;
      out.push_back({"",
                     s.agent + " renewed its subscription to " + s.user + ": answered "
                         + std::to_string(w.status) + (told ? "" : ", not told"),
                     0, w.at});
    }
  }
}

// Design, "Failure", 5: in the background each shard gets a new replica.
void copies_are_restored(const evidence& e, findings& out) {
  if (!e.ready_again)
    out.push_back({"", "the cluster did not become ready again after the faults", 0, e.end});
  else if (e.last_crash && !e.recovered)
    out.push_back({"", "the cluster did not become ready again after the last crash", 0, e.end});
  for (const auto& row : e.last_rows)
    if (row.repairs > 0)
      out.push_back({"",
                     "a copy of shard " + std::to_string(row.shard.value)
                         + " was not equal and had to be repaired",
                     0, e.end});
}

// Design, "Shards, sessions, routing".
void shards_are_balanced(const evidence& e, findings& out) {
  // Moving takes its time.
  if (!e.ready_again || e.last_crash || e.taken_over(e.end - 5s, e.end)) return;
  if (e.end < e.healed + 15s) return;
  std::map<std::string, std::size_t> owned;
  for (const auto& m : e.last_view.members)
    if (m.card.serves == cluster::role::container && m.alive()) owned[m.card.name] = 0;
  for (const auto& s : e.last_view.shards) ++owned[s.owner.name];
  if (owned.empty()) return;
  const auto share = e.last_view.shards.size() / owned.size();
  for (const auto& [node, count] : owned)
    if (count > share + shards_over_share)
      out.push_back({"",
                     node + " owns " + std::to_string(count) + " shards, its share is "
                         + std::to_string(share),
                     0, e.end});
}

// Design, "Who does what": admission limits concern new work alone, and some of it always gets in.
void overload_spares_calls(const evidence& e, findings& out) {
  for (const auto& x : e.clients)
    if (x.in_dialog && x.method != "PRACK" && x.status() == 503)
      out.push_back({"", x.method + " in a dialog was refused with 503", e.number_of(x.call_id),
                     x.finals.front().at});
  const bool calm = std::all_of(e.plan.faults.begin(), e.plan.faults.end(),
                                [](const fault& f) { return f.kind == fault_kind::crowd; });
  if (!calm || e.plan.buggify > 0 || e.crowd.empty()) return;
  std::size_t served = 0;
  for (const auto& end : e.ends)
    if (e.crowd.contains(end.number) && end.status / 100 == 2) ++served;
  if (served < e.crowd.size() / goodput_floor)
    out.push_back({"",
                   "of a crowd of " + std::to_string(e.crowd.size()) + " only "
                       + std::to_string(served) + " were served",
                   0, e.end});
}

// House rule: every table is bounded, and empty when there is nothing to do. What is left are the
// sessions of registrars.
void nothing_is_left(const evidence& e, findings& out) {
  if (!e.ready_again || !e.plan.to_the_end) return;
  std::size_t sessions = 0;
  for (const auto& row : e.last_rows) sessions += row.sessions;
  if (sessions > e.plan.registrations.size())
    out.push_back({"",
                   std::to_string(sessions) + " sessions are left, "
                       + std::to_string(e.plan.registrations.size()) + " users are registered",
                   0, e.end});
}

// Design, "Failure": after healing everything works as if nothing had been.
void new_calls_succeed(const evidence& e, findings& out) {
  for (const auto& end : e.ends) {
    const auto* plan = e.plan_of(end.number);
    if (end.at != side::caller || !e.healthy(end.began) || plan == nullptr) continue;
    if (plan->callee != "answer" && plan->callee != "alarm") continue;
    if (plan->cancels_after || plan->throws || end.status / 100 == 2) continue;
    out.push_back({"",
                   "a new call, made when all was well, was answered " + std::to_string(end.status),
                   end.number, end.began});
  }
}

// Design, "Who does what": the view names who is alive.
void report_is_true(const evidence& e, findings& out) {
  if (!e.ready_again) return;
  if (const auto* m = e.view_without_it.find(e.last_victim); m != nullptr && m->alive())
    out.push_back({"", "the view calls " + e.last_victim + " alive, which has died", 0,
                   e.recovered.value_or(e.end)});
  for (const auto& m : e.last_view.members)
    if (m.alive() && !e.alive.contains(m.card.name))
      out.push_back({"", "the view calls " + m.card.name + " alive, which is dead", 0, e.end});
  for (const auto& name : e.alive)
    if (const auto* m = e.last_view.find(name); m == nullptr || !m->alive())
      out.push_back({"", name + " is alive and the view does not say so", 0, e.end});
}

} // namespace holdfast::simulations
