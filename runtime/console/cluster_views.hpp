// What the console shows beyond members and shards: actors, calls and their ladders, graveyard,
// failovers, views, metrics. Asked of the coordinator's actor and of the inspector beside it, which
// asks every node; answered as JSON in the shapes of openapi.json.
#pragma once

#include "protocol/core/identifiers.hpp"
#include "runtime/console.hpp"

#include <caf/actor.hpp>

#include <memory>

namespace holdfast::runtime {

class cluster_views : public std::enable_shared_from_this<cluster_views> {
public:
  static constexpr std::uint32_t rows_max = 1'000; // of one answer
  static constexpr std::uint32_t offset_max = 100'000;

  cluster_views(caf::actor coordinator, caf::actor inspector)
      : coordinator_{std::move(coordinator)}, inspector_{std::move(inspector)} {}

  // False: there is nothing of that name; `reply` was not called.
  bool look(const console_query& q, console_backend::done reply);
  bool act(const console_query& q, console_backend::done reply); // trace

private:
  void overview(console_backend::done reply);
  void events(console_backend::done reply);
  void views(console_backend::done reply);
  void failovers(console_backend::done reply);
  void actors(const console_query& q, console_backend::done reply);
  void one_actor(const console_query& q, console_backend::done reply);
  void calls(const console_query& q, console_backend::done reply);
  void one_call(const session_address& where, console_backend::done reply);
  void call_by_id(const std::string& call_id, console_backend::done reply);
  void graveyard(console_backend::done reply);
  void metrics(console_backend::done reply);

  caf::actor coordinator_;
  caf::actor inspector_;
};

} // namespace holdfast::runtime
