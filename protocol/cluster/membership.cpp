#include "protocol/cluster/membership.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

namespace {

auto place_of(view& v, const std::string& name) {
  return std::lower_bound(v.members.begin(), v.members.end(), name,
                          [](const member& m, const std::string& n) { return m.card.name < n; });
}

// Containers own nothing yet, coordinators stand by until they claim.
member_state first_state(role r) {
  const bool works_at_once = r == role::dispatcher || r == role::proxy;
  return works_at_once ? member_state::active : member_state::joining;
}

// A process that had an incarnation before the ledger was lost keeps it, so that what the other
// nodes know of it stays true.
incarnation next_incarnation(ledger_record& record, const join& request, bool keeps) {
  auto& last = record.incarnations[request.card.name];
  last = keeps && request.incarnation > last ? request.incarnation : incarnation{last.value + 1};
  return last;
}

} // namespace

join_outcome apply_join(ledger_record& record, const join& request) {
  using enum join_outcome::kind;
  auto& members = record.now_valid.members;
  const auto place = place_of(record.now_valid, request.card.name);
  const bool known = place != members.end() && place->card.name == request.card.name;
  if (!known) {
    const auto given = next_incarnation(record, request, true);
    members.insert(place, member{request.card, given, first_state(request.card.serves), {}});
    return {admitted, {}, std::nullopt};
  }
  const bool same_process = place->card.boot == request.card.boot;
  if (same_process && place->alive()) {
    if (place->card == request.card) return {unchanged, {}, std::nullopt};
    place->card = request.card;
    return {updated, {}, std::nullopt};
  }
  if (same_process && request.incarnation.value != 0) return {must_learn, {}, std::nullopt};
  const bool late = request.incarnation.value != 0 && request.incarnation < place->incarnation;
  if (late && place->alive())
    return {refused, "another process of that name has joined since", std::nullopt};
  const auto replaced = place->alive() ? std::optional{place->id()} : std::nullopt;
  const auto given = next_incarnation(record, request, false);
  *place = member{request.card, given, first_state(request.card.serves), place->unknown};
  return {admitted, {}, replaced};
}

std::optional<std::string> reason_to_refuse(const ledger_record& record, const join& request,
                                            const std::string& link_peer) {
  if (request.card.name.empty()) return "a node needs a name";
  if (request.card.name != link_peer)
    return "the link proved the name " + link_peer + ", the card says " + request.card.name;
  if (request.card.boot == 0) return "a node needs a boot number";
  if (request.card.serves == role::container
      && !domain_of(record.cluster_settings, request.card.name))
    return request.card.name + " is in none of cluster.replication_domains";
  return difference(request.cluster_settings, record.cluster_settings);
}

member* find_member(view& v, const node_id& id) {
  const auto place = place_of(v, id.name);
  return place != v.members.end() && place->id() == id ? &*place : nullptr;
}

std::vector<const member*> living_containers(const view& v) {
  std::vector<const member*> found;
  for (const auto& m : v.members)
    if (m.card.serves == role::container && m.alive()) found.push_back(&m);
  return found;
}

} // namespace holdfast::cluster
