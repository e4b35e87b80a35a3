#include "simulations/campaign/witness.hpp"

#include "protocol/cluster/ledger_record.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/sip/name_addr.hpp"
#include "protocol/sip/parser.hpp"

#include <algorithm>

namespace holdfast::simulations {

witness::witness(simulation& run, evidence& into, trace_file* trace,
                 const std::map<endpoint, std::string>& users)
    : run_{run}, evidence_{into}, trace_{trace}, users_{users} {
  if (trace_ != nullptr) run_.time().trace_to([this](const timeline::step& s) { trace_->step(s); });
  run_.ledger().observe([this](const std::string& bytes) { on_ledger(bytes); });
  run_.network().observe_clients(
      [this](bool to_cluster, const endpoint& client, const std::string& bytes) {
        on_datagram(to_cluster, client, bytes);
      });
  simulated::on_output([this](const simulated::output& seen) { on_output(seen); });
  simulated::on_delivery([this](const simulated::output& seen) { on_delivery(seen); });
  simulated::on_emission([this](const simulated::output& seen) { on_emission(seen); });
  run_.launcher().observe_kills(
      [this](const std::string& node, std::int64_t pid) { on_kill(node, pid); });
}

witness::~witness() {
  simulated::on_output({});
  simulated::on_delivery({});
  simulated::on_emission({});
}

void witness::forget(const std::string& node) {
  std::erase_if(accepted_, [&](const auto& a) { return a.first.first == node; });
}

void witness::on_datagram(bool to_cluster, const endpoint& client, const std::string& bytes) {
  const auto known = users_.find(client);
  const bool ours = known != users_.end();
  if (trace_ != nullptr)
    trace_->datagram(run_.now(), ours ? known->second : "a stranger", to_cluster ? "in" : "out",
                     bytes);
  if (to_cluster) return;
  auto m = sip::parse(bytes);
  if (m && client == stranger && m->is_request())
    evidence_.told_to_strangers.emplace_back(run_.now(), m->method);
  if (m && ours)
    evidence_.log.push_back({run_.now(), passage::left, known->second,
                             std::make_shared<const sip::message>(std::move(*m)),
                             std::hash<std::string>{}(bytes)});
}

void witness::on_output(const simulated::output& seen) {
  const auto say = [&](const std::string& what) {
    evidence_.double_outputs.push_back({run_.now(), shard_id{seen.shard}, epoch{seen.epoch}, what});
  };
  const auto shard = "shard " + std::to_string(seen.shard);
  const auto in_epoch = " in epoch " + std::to_string(seen.epoch);
  const std::string owner{seen.owner}, proxy{seen.proxy};
  const auto [speaker, first] = speakers_.try_emplace({seen.shard, seen.epoch}, owner);
  if (!first && speaker->second != owner)
    say(shard + " spoke through " + speaker->second + " and " + owner + in_epoch);
  auto& highest = accepted_[{proxy, seen.shard}];
  if (seen.epoch < highest)
    say(proxy + " let " + shard + " out" + in_epoch + " after " + std::to_string(highest));
  highest = std::max(highest, seen.epoch);
}

void witness::on_delivery(const simulated::output& seen) {
  const std::string container{seen.owner};
  const auto [servant, first] = servants_.try_emplace({seen.shard, seen.epoch}, container);
  if (first || servant->second == container) return;
  evidence_.double_deliveries.push_back({run_.now(), shard_id{seen.shard}, epoch{seen.epoch},
                                         "messages for shard " + std::to_string(seen.shard)
                                             + " reached " + servant->second + " and " + container
                                             + " in epoch " + std::to_string(seen.epoch)});
}

// Fences (a) and (b): an old owner has fallen silent before the new one begins, whether or not a
// proxy would have let it speak.
void witness::on_emission(const simulated::output& seen) {
  auto& last = last_to_speak_[seen.shard];
  if (seen.epoch < last.epoch)
    evidence_.double_outputs.push_back(
        {run_.now(), shard_id{seen.shard}, epoch{seen.epoch},
         std::string{seen.owner} + " spoke for shard " + std::to_string(seen.shard) + " in epoch "
             + std::to_string(seen.epoch) + " after " + last.name + " had in epoch "
             + std::to_string(last.epoch)});
  else
    last = {std::string{seen.owner}, seen.epoch};
}

// Who has the only full copy of a shard is not killed on a suspicion.
void witness::on_kill(const std::string& node, std::int64_t pid) {
  const auto* victim = ledger_view_.find(node);
  if (victim == nullptr || victim->card.pid != pid || !run_.alive(node, pid)) return;
  for (std::size_t i = 0; i < ledger_view_.shards.size(); ++i) {
    const auto& s = ledger_view_.shards[i];
    const bool another = std::any_of(s.replicas.begin(), s.replicas.end(), [&](const auto& r) {
      return r.in_sync && r.node != victim->id() && ledger_view_.alive(r.node);
    });
    if (s.owner == victim->id() && !another)
      evidence_.double_outputs.push_back(
          {run_.now(), shard_id{static_cast<std::uint16_t>(i)}, s.epoch,
           node + " was killed, which had the only full copy of shard " + std::to_string(i)});
  }
}

// Every view at the moment at which it becomes valid: who lost what, and was it true?
void witness::on_ledger(const std::string& bytes) {
  const auto record = decode<cluster::ledger_record>(bytes);
  if (!record) return;
  const auto& next = record->now_valid;
  const auto really_alive = [&](const node_id& id) {
    const auto* m = ledger_view_.find(id);
    return m != nullptr && run_.alive(m->card.name, m->card.pid);
  };
  for (std::size_t i = 0; i < std::min(next.shards.size(), ledger_view_.shards.size()); ++i) {
    const auto& before = ledger_view_.shards[i];
    const auto& after = next.shards[i];
    if (after.epoch == before.epoch || !before.owned()) continue;
    takeover t{run_.now(),           shard_id{static_cast<std::uint16_t>(i)},      after.epoch,
               after.previous_fence, after.previous_fence == cluster::fence::none, false};
    t.copy_survived =
        really_alive(before.owner)
        || std::any_of(before.replicas.begin(), before.replicas.end(),
                       [&](const auto& r) { return r.in_sync && really_alive(r.node); });
    evidence_.takeovers.push_back(t);
  }
  ledger_view_ = next;
  if (trace_ != nullptr) trace_->view(run_.now(), next);
}

void witness::collect() {
  auto& e = evidence_;
  e.end = run_.now();
  e.last_view = run_.view();
  e.last_rows = run_.shards();
  e.fail_stops = run_.fail_stops();
  for (const auto& name : run_.nodes())
    if (run_.alive(name)) e.alive.insert(name);
  for (const auto& end : e.ends) {
    auto where = run_.address_of(end.remote_tag);
    if (const auto route =
            end.route_set.empty() ? fail("none") : sip::parse_name_addr(end.route_set.front()))
      where = run_.address_of(route->uri.user);
    if (where) e.shard_of_call[end.call_id] = where->shard;
  }
  e.index();
}

} // namespace holdfast::simulations
