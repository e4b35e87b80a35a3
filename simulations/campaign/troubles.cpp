#include "simulations/campaign/troubles.hpp"

#include "protocol/core/base32.hpp"
#include "protocol/core/buggify.hpp"
#include "simulations/plan/prose.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace holdfast::simulations {

namespace {

using cluster::control::operator_verb;

// A 2xx to an INVITE that the cluster never sent, under a token of the right form and the wrong
// MAC.
std::string forged_success() {
  std::string body(21, '\0');
  body[0] = 1;  // the key in use
  body[10] = 1; // a session of shard 0
  const auto token = to_base32(body);
  return "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK" + token
         + ".1\r\nFrom: <sip:a@example.com>;tag=" + token
         + "-1\r\nTo: <sip:b@example.com>;tag=1\r\nCall-ID: forged\r\nCSeq: 1 "
           "INVITE\r\nContact: <sip:stranger@"
         + to_string(stranger) + ">\r\n\r\n";
}

} // namespace

troubles::troubles(simulation& run, witness& seen, trace_file* trace, call_maker one_more_call)
    : run_{run}, witness_{seen}, trace_{trace}, one_more_call_{std::move(one_more_call)} {}

void troubles::schedule(const run_plan& plan) {
  for (const auto& f : plan.faults) {
    run_.after(f.at, [this, f] { begin(f); });
    if (f.at + f.lasts < plan.faults_end) run_.after(f.at + f.lasts, [this, f] { end(f); });
  }
}

void troubles::begin(const fault& f) {
  if (ended_) return;
  active_.push_back(f);
  if (trace_ != nullptr) trace_->fault(run_.now(), to_prose(f));
  auto& r = run_;
  switch (f.kind) {
  case fault_kind::crash:
    r.crash(f.node);
    break;
  case fault_kind::hang:
    if (r.alive(f.node)) r.hang(f.node);
    break;
  case fault_kind::slow:
    r.slow_down(f.node, f.amount);
    break;
  case fault_kind::cut:
    r.cut(f.node, f.other);
    break;
  case fault_kind::deaf:
    r.network().cut_one_way(f.other, f.node);
    break;
  case fault_kind::isolate:
    for (const auto& other : r.nodes())
      if (other != f.node) r.cut(f.node, other);
    break;
  case fault_kind::loss:
  case fault_kind::duplication:
  case fault_kind::lateness:
  case fault_kind::inside_loss:
    set_weather();
    break;
  case fault_kind::ledger_slow:
    r.ledger().set_mood(simulated_ledger::mood::slow);
    break;
  case fault_kind::ledger_unreachable:
    r.ledger().set_mood(simulated_ledger::mood::unreachable);
    break;
  case fault_kind::ledger_forgetful:
    r.ledger().set_mood(simulated_ledger::mood::forgetful);
    break;
  case fault_kind::strangers:
    send_garbage(f.amount, f.lasts);
    break;
  case fault_kind::drain:
  case fault_kind::replace:
    drain(f.node);
    break;
  case fault_kind::move:
    r.operate(cluster::control::operator_verb::move, f.node,
              shard_id{static_cast<std::uint16_t>(f.amount)});
    break;
  case fault_kind::crowd:
    call_in_crowds(f.amount, f.lasts);
    break;
  case fault_kind::damage:
    r.network().damage(f.node, f.other, f.amount);
    break;
  }
}

void troubles::end(const fault& f) {
  if (ended_) return;
  std::erase(active_, f);
  auto& r = run_;
  switch (f.kind) {
  case fault_kind::crash:
    if (!r.alive(f.node)) restart(f.node);
    break;
  case fault_kind::hang:
    r.resume(f.node);
    break;
  case fault_kind::slow:
    r.slow_down(f.node, 1);
    break;
  case fault_kind::cut:
  case fault_kind::deaf:
  case fault_kind::damage:
    r.heal(f.node, f.other);
    break;
  case fault_kind::isolate:
    for (const auto& other : r.nodes())
      if (other != f.node) r.heal(f.node, other);
    break;
  case fault_kind::loss:
  case fault_kind::duplication:
  case fault_kind::lateness:
  case fault_kind::inside_loss:
    set_weather();
    break;
  case fault_kind::ledger_slow:
  case fault_kind::ledger_unreachable:
  case fault_kind::ledger_forgetful:
    r.ledger().set_mood(simulated_ledger::mood::fine);
    break;
  case fault_kind::drain:
    undrain(f.node);
    break;
  case fault_kind::replace:
    replace(f.node);
    break;
  case fault_kind::strangers:
  case fault_kind::move:
  case fault_kind::crowd:
    break;
  }
}

void troubles::set_weather() {
  weather clients, inside;
  for (const auto& f : active_) {
    if (f.kind == fault_kind::loss) clients.lost += f.amount * 10;
    if (f.kind == fault_kind::duplication) clients.doubled += f.amount * 10;
    if (f.kind == fault_kind::lateness) clients.late += f.amount * 10;
    if (f.kind == fault_kind::inside_loss) inside.lost += f.amount * 10;
  }
  run_.network().set_weather(clients, inside);
}

// Nothing of it is SIP that means anything to anybody.
void troubles::send_garbage(unsigned count, duration within) {
  static const std::string samples[] = {
      "\r\n\r\n",
      "INVITE",
      "INVITE sip:answer@example.com SIP/2.0\r\n\r\n",
      "BYE sip:nobody@example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;"
      "tag=1\r\nTo: <sip:b@b>;tag=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nCall-ID: garbage\r\nCSeq: "
      "1 "
      "BYE\r\nMax-Forwards: 70\r\n\r\n",
      "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n\r\n",
      "OPTIONS sip:answer@example.com SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK2\r\nFrom: "
      "<sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: garbage\r\nCSeq: 99999999999 OPTIONS\r\n\r\n",
      forged_success(),
      std::string(2000, '\xff')};
  for (unsigned i = 0; i < count; ++i) {
    const auto& bytes = samples[run_.random() % std::size(samples)];
    const auto when = within * static_cast<int>(i) / static_cast<int>(count);
    run_.after(when, [this, &bytes] { run_.send(stranger, bytes); });
  }
}

void troubles::call_in_crowds(unsigned count, duration within) {
  for (unsigned i = 0; i < count; ++i)
    run_.after(within * static_cast<int>(i) / static_cast<int>(count), [this] {
      if (!ended_) one_more_call_();
    });
}

// A coordinator that is slow does it later, whatever it answers now.
void troubles::drain(const std::string& node) {
  drained_.insert(node);
  (void)run_.operate(operator_verb::drain, node);
}

void troubles::undrain(const std::string& node) {
  if (run_.operate(operator_verb::undrain, node)) drained_.erase(node);
}

// As an operator does it: what is drained may end, what is not goes on.
void troubles::replace(const std::string& node) {
  const auto now_valid = run_.view();
  const auto* m = now_valid.find(node);
  const bool empty =
      m != nullptr
      && std::none_of(
          now_valid.shards.begin(), now_valid.shards.end(), [&](const cluster::shard_entry& s) {
            return s.owner.name == node
                   || std::any_of(s.replicas.begin(), s.replicas.end(),
                                  [&](const cluster::replica& r) { return r.node.name == node; });
          });
  if (!drained_.contains(node) || !empty) return undrain(node);
  drained_.erase(node);
  restart(node);
}

void troubles::heal() {
  ended_ = true;
  simulated::quiet();
  run_.network().set_weather({}, {});
  run_.ledger().set_mood(simulated_ledger::mood::fine);
  for (const auto& name : run_.nodes()) {
    if (!run_.alive(name)) continue;
    run_.slow_down(name, 1);
    if (!run_.running(name)) run_.resume(name);
  }
  run_.network().heal_all();
  (void)restart_dead();
}

bool troubles::restart_dead() {
  bool any = false;
  for (const auto& name : run_.nodes()) {
    if (run_.alive(name)) continue;
    restart(name);
    any = true;
  }
  if (!ended_) return any;
  // An operator tries until there is a coordinator that listens.
  for (const auto& node : std::set<std::string>{drained_}) undrain(node);
  return any || !drained_.empty();
}

void troubles::restart(const std::string& node) {
  witness_.forget(node);
  drained_.erase(node); // a new incarnation drains no more
  run_.restart(node);
}

} // namespace holdfast::simulations
