#include "simulations/oracle/evidence.hpp"

#include <algorithm>

namespace holdfast::simulations {

namespace {

std::string key_of(const history_entry& e) {
  const auto number = e.message->cseq();
  const auto via = e.message->top_via();
  return e.agent + " " + (via ? via->branch() : "") + " " + (number ? number->method : "");
}

exchange opened(const history_entry& e) {
  exchange x;
  x.agent = e.agent;
  x.branch = e.message->top_via() ? e.message->top_via()->branch() : "";
  x.method = e.message->method;
  x.call_id = e.message->call_id();
  x.in_dialog = !e.message->to_tag().empty();
  x.request = e.message;
  x.digest = e.digest;
  x.first = e.at;
  return x;
}

} // namespace

void evidence::index() {
  std::map<std::string, std::size_t> ours, theirs, leaving;
  const auto open = [](auto& index, auto& list, const history_entry& e) {
    if (index.try_emplace(key_of(e), list.size()).second) list.push_back(opened(e));
  };
  const auto answer = [](auto& index, auto& list, const history_entry& e) {
    const auto found = index.find(key_of(e));
    if (found == index.end()) return;
    auto& x = list[found->second];
    if (e.message->status < 200)
      x.provisional = true;
    else
      x.finals.push_back({e.at, e.message, e.digest});
  };
  for (const auto& e : log) {
    const bool request = e.message->is_request();
    if (e.how == passage::left && request) open(leaving, left, e);
    if (e.how == passage::sent && request) open(ours, clients, e);
    if (e.how == passage::sent && !request) answer(theirs, servers, e);
    if (e.how == passage::received && request) open(theirs, servers, e);
    if (e.how == passage::received && !request) answer(ours, clients, e);
  }
}

const call_end* evidence::end_of(const std::string& call_id, const std::string& agent) const {
  const auto found = std::find_if(ends.begin(), ends.end(), [&](const auto& e) {
    return e.call_id == call_id && e.agent == agent;
  });
  return found == ends.end() ? nullptr : &*found;
}

unsigned evidence::number_of(const std::string& call_id) const {
  const auto known =
      std::find_if(ends.begin(), ends.end(), [&](const auto& e) { return e.call_id == call_id; });
  return known == ends.end() ? 0 : known->number;
}

std::vector<const call_end*> evidence::ends_of(unsigned number, side at) const {
  std::vector<const call_end*> found;
  for (const auto& e : ends)
    if (e.number == number && e.at == at) found.push_back(&e);
  return found;
}

const call_plan* evidence::plan_of(unsigned number) const {
  const auto found = std::find_if(plan.calls.begin(), plan.calls.end(),
                                  [&](const auto& c) { return c.number == number; });
  return found == plan.calls.end() ? nullptr : &*found;
}

bool evidence::lost(const std::string& call_id, instant since) const {
  const auto where = shard_of_call.find(call_id);
  return where != shard_of_call.end()
         && std::any_of(takeovers.begin(), takeovers.end(), [&](const takeover& t) {
              return t.emptied && t.shard == where->second && t.at >= since;
            });
}

bool evidence::lost_user(const std::string& user, instant since) const {
  const auto where = shard_of_user.find(user);
  return where != shard_of_user.end()
         && std::any_of(takeovers.begin(), takeovers.end(), [&](const takeover& t) {
              return t.emptied && t.shard == where->second && t.at >= since;
            });
}

bool evidence::taken_over(instant from, instant to) const {
  return std::any_of(takeovers.begin(), takeovers.end(),
                     [&](const takeover& t) { return t.at >= from && t.at <= to; });
}

bool evidence::calm(instant from, instant to) const {
  if (taken_over(from, to) || plan.buggify > 0) return false;
  if (last_crash && *last_crash <= to && (!recovered || *recovered >= from)) return false;
  return std::none_of(plan.faults.begin(), plan.faults.end(), [&](const fault& f) {
    const auto until = std::max(healed, formed + f.at + f.lasts + 1s);
    return formed + f.at <= to && until > from;
  });
}

bool evidence::overtaken(const exchange& x) const {
  if (x.status() != 500) return false;
  const auto answered = x.finals.front().at;
  return std::any_of(clients.begin(), clients.end(), [&](const auto& y) {
    return y.call_id == x.call_id && y.agent == x.agent && y.in_dialog && y.first < answered
           && y.request->cseq()->number > x.request->cseq()->number;
  });
}

bool evidence::healthy(instant at) const {
  if (!ready_again || at < healed) return false;
  return !last_crash || at < *last_crash || (recovered && at >= *recovered);
}

} // namespace holdfast::simulations
