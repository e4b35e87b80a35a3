#include "actors/dispatcher.hpp"

#include "protocol/cluster/proxy_protocol.hpp"
#include "protocol/core/buggify.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <bit>
#include <utility>

namespace holdfast::actors {

dispatcher::dispatcher(caf::actor_config& config, dispatcher_options options)
    : role_actor(config), options_{std::move(options)} {}

caf::behavior dispatcher::make_behavior() {
  const auto self = caf::actor_cast<caf::actor>(this);
  options_.outside->receive_datagrams(socket_name::outside, self);
  options_.outside->receive_datagrams(socket_name::inside, self);
  return caf::message_handler{
      [this](datagrams_received& in) {
        if (in.socket == socket_name::outside)
          from_clients(in);
        else
          from_proxies(in);
      },
  }
      .or_else(common());
}

void dispatcher::on_view() {
  std::vector<cluster::flow_table::target> targets;
  std::vector<endpoint> streams; // one that drains keeps its connections
  proxies_.clear();
  for (const auto& m : current_view().members) {
    if (m.card.serves != cluster::role::proxy || !m.alive()) continue;
    proxies_.insert(m.card.datagrams);
    if (m.state == cluster::member_state::active)
      targets.push_back({to_string(m.id()), m.card.datagrams});
    if (m.card.streams.port != 0) streams.push_back(m.card.streams);
  }
  flows_.set_targets(std::move(targets));
  options_.outside->relay_streams(std::move(streams));
}

void dispatcher::from_clients(const datagrams_received& in) {
  std::vector<datagram> out;
  const auto time = now();
  for (const auto& d : in.datagrams) {
    note(true, d.peer, d.bytes);
    if (const auto proxy = flows_.target_of(d.peer, time)) {
      out.push_back({*proxy, cluster::wrap_datagram(d.peer, options_.advertised, d.bytes)});
      if (buggify<"dispatcher: a datagram goes in twice">()) out.push_back(out.back());
    } else if (std::has_single_bit(++dropped_)) {
      spdlog::warn("dispatcher: no proxy lives, {} datagrams dropped so far", dropped_);
    }
  }
  options_.outside->send_datagrams(socket_name::inside, std::move(out));
}

void dispatcher::from_proxies(const datagrams_received& in) {
  std::vector<datagram> out;
  for (const auto& d : in.datagrams) {
    const auto unwrapped = proxies_.contains(d.peer) ? cluster::unwrap_datagram(d.bytes)
                                                     : fail("not from a proxy of this cluster");
    if (unwrapped) note(false, unwrapped->destination, unwrapped->payload);
    const std::size_t copies = buggify<"dispatcher: a datagram goes out twice">() ? 2 : 1;
    if (unwrapped)
      out.insert(out.end(), copies, {unwrapped->destination, std::string{unwrapped->payload}});
    else if (std::has_single_bit(++untrusted_))
      spdlog::warn("dispatcher: {} datagrams on the inner socket ignored so far", untrusted_);
  }
  options_.outside->send_datagrams(socket_name::outside, std::move(out));
}

// ---- for operators

void dispatcher::note(bool in, const endpoint& agent, std::string_view bytes) {
  if (!observing()) return;
  cluster::sighting s;
  if (!cluster::sketch_into(s, bytes)) return;
  s.at = now();
  s.where = cluster::station::dispatcher;
  s.in = in;
  s.agent = agent;
  seen_.add(std::move(s));
}

std::string dispatcher::state_line() const {
  return std::to_string(proxies_.size()) + " proxies, " + std::to_string(dropped_) + " dropped, "
         + std::to_string(untrusted_) + " untrusted";
}

bool dispatcher::describe(const describe_yourself& question, cluster::picture& into) {
  const auto& query = *question.query;
  if (query.what == cluster::inspect_what::ladder)
    for (const auto& s : seen_.of(query.calls, query.sessions))
      into.sightings.push_back(cluster::row_of(s, {}, now()));
  return true;
}

} // namespace holdfast::actors
