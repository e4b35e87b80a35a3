// What the console shows beyond members and shards: actors, calls and their ladders, graveyard,
// failovers, views, metrics. Asked of the inspector of this node, which asks every node or the
// coordinator; answered as JSON in the shapes of openapi.json.
#pragma once

#include "protocol/cluster/inspection.hpp"
#include "protocol/core/identifiers.hpp"
#include "runtime/console.hpp"

#include <boost/json.hpp>
#include <caf/actor.hpp>

#include <memory>

namespace holdfast::runtime {

class cluster_views : public std::enable_shared_from_this<cluster_views> {
public:
  static constexpr std::uint32_t rows_max = 1'000; // of one answer
  static constexpr std::uint32_t offset_max = 100'000;

  explicit cluster_views(caf::actor inspector) : inspector_{std::move(inspector)} {}

  // False: there is nothing of that name; `reply` was not called.
  bool look(const console_query& q, console_backend::done reply);
  bool act(const console_query& q, console_backend::done reply); // trace

private:
  void overview(console_backend::done reply);
  void events(console_backend::done reply);
  void views(console_backend::done reply);
  void one_view(const std::string& number, console_backend::done reply);
  void failovers(console_backend::done reply);
  void actors(const console_query& q, console_backend::done reply);
  void one_actor(const console_query& q, console_backend::done reply);
  void with_family(const std::string& node, const cluster::actor_detail& d,
                   console_backend::done reply);
  void calls(const console_query& q, console_backend::done reply);
  void one_call(const session_address& where, console_backend::done reply);
  void with_past(const session_address& where, boost::json::object body,
                 console_backend::done reply);
  void call_by_id(const std::string& call_id, console_backend::done reply);
  void graveyard(console_backend::done reply);
  void metrics(console_backend::done reply);

  caf::actor inspector_;
};

} // namespace holdfast::runtime
