#include "simulations/plan/ambush.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace holdfast::simulations {

namespace {

class ambush {
public:
  ambush(dice& d, run_plan& plan)
      : d_{d},
        plan_{plan},
        at_{d.time(1s, plan.faults_end - 1500ms)},
        first_{d.below(plan.cluster.containers)} {
    plan.faults.clear();
  }

  // The owner speaks while its copies can not hear it, and dies.
  void last_words() {
    const auto dies = at_ + d_.time(20ms, 250ms);
    const bool one_way = d_.percent(50);
    for (std::size_t i = 1; i < containers(); ++i)
      add(at_, one_way ? fault_kind::deaf : fault_kind::cut, container(i), container(0),
          dies - at_ + d_.time(0ms, 500ms));
    add(dies, fault_kind::crash, container(0), {}, d_.time(50ms, 2s));
    traffic(at_ - 50ms, dies + 100ms);
  }

  // A copy is gone, the next one is not there yet, and something happens to the owner.
  void half_filled() {
    const auto strikes = at_ + d_.time(0ms, 700ms);
    add(at_, fault_kind::crash, container(1), {}, d_.percent(50) ? d_.time(50ms, 400ms) : 4s);
    for (std::size_t i = 1; i < containers(); ++i)
      if (d_.percent(50))
        add(at_ + d_.time(0ms, 400ms), fault_kind::slow, container(i), {}, 1500ms,
            static_cast<unsigned>(d_.between(16, 64)));
      else
        clog(container(i), container(0), 1500ms);
    constexpr fault_kind kinds[] = {fault_kind::crash, fault_kind::hang, fault_kind::isolate};
    add(strikes, kinds[d_.below(std::size(kinds))], container(0), {}, d_.time(200ms, 2s));
    traffic(at_ - 300ms, strikes + 300ms);
  }

  // What an owner said is held up until somebody else owns the shard.
  void late_words() {
    const auto listener = numbered("proxy-", d_.between(1, plan_.cluster.proxies));
    add(at_, fault_kind::deaf, listener, container(0), d_.time(50ms, 400ms));
    for (unsigned shard = 0; shard < plan_.cluster.shards; ++shard)
      if (d_.percent(50))
        add(at_ + d_.time(0ms, 150ms), fault_kind::move, container(1 + d_.below(containers() - 1)),
            {}, {}, shard);
    traffic(at_ - 100ms, at_ + 300ms);
  }

  // Nobody can take over for longer than anybody is held.
  void nobody_decides() {
    const auto lasts = d_.time(2500ms, 4s);
    add(at_ - 100ms, fault_kind::ledger_unreachable, {}, {}, lasts);
    add(at_, fault_kind::crash, container(0), {}, d_.percent(50) ? 300ms : lasts + 2s);
    traffic(at_, at_ + 1s);
  }

  // Who is given up still hears its clients and its copies, and can not be killed.
  void given_up() {
    plan_.cluster.supervised = false;
    add(at_, fault_kind::cut, container(0), "coordinator-1", d_.time(500ms, 3s));
    if (d_.percent(50))
      add(at_ + d_.time(0ms, 500ms), fault_kind::slow, container(0), {}, d_.time(500ms, 2s),
          static_cast<unsigned>(d_.between(2, 32)));
    // Before the others can tell it, they are out of reach too.
    if (d_.percent(50)) {
      const auto hears_nothing = at_ + d_.time(200ms, 700ms);
      for (std::size_t i = 1; i < containers(); ++i)
        add(hears_nothing, fault_kind::deaf, container(0), container(i), 1s);
    }
    traffic(at_, at_ + 1500ms);
  }

private:
  [[nodiscard]] std::size_t containers() const { return plan_.cluster.containers; }
  [[nodiscard]] std::string container(std::size_t after) const {
    return numbered("container-", (first_ + after) % containers() + 1);
  }

  void add(duration at, fault_kind kind, std::string node, std::string other, duration lasts,
           unsigned amount = 0) {
    plan_.faults.push_back({at, kind, std::move(node), std::move(other), lasts, amount});
  }

  // Bytes wait, and what waits gets through all at once, again and again.
  void clog(const std::string& deaf, const std::string& to, duration lasts) {
    for (auto since = at_; since < at_ + lasts;) {
      const auto until = since + d_.time(50ms, 500ms);
      add(since, fault_kind::deaf, deaf, to, until - since);
      since = until;
    }
  }

  // Some calls begin in that time, in others something is said.
  void traffic(duration from, duration to) {
    for (auto& call : plan_.calls) {
      if (d_.percent(40)) {
        call.at = d_.time(from, to);
        call.rings = {};
        continue;
      }
      call.at = d_.time({}, std::max<duration>(from - 500ms, 100ms));
      const auto speaks = d_.time(from, to);
      const auto stands = call.at + call.rings + 50ms;
      if (call.cancels_after || stands >= speaks) continue;
      if (d_.percent(30))
        call.holds = speaks - stands;
      else
        say(call, speaks - stands);
    }
  }

  void say(call_plan& call, duration after) {
    in_call_request r;
    r.after = after;
    call.requests.push_back(r);
    call.holds = std::max(call.holds, plan_.faults_end + 60s);
  }

  dice& d_;
  run_plan& plan_;
  duration at_;
  std::size_t first_;
};

} // namespace

void draw_ambush(dice& d, run_plan& plan) {
  ambush a{d, plan};
  switch (d.below(5)) {
  case 0:
    a.last_words();
    break;
  case 1:
    a.half_filled();
    break;
  case 2:
    a.late_words();
    break;
  case 3:
    a.nobody_decides();
    break;
  default:
    a.given_up();
    break;
  }
  std::stable_sort(plan.faults.begin(), plan.faults.end(),
                   [](const fault& x, const fault& y) { return x.at < y.at; });
}

} // namespace holdfast::simulations
