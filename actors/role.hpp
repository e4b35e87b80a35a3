// What the actors of a node that talk to other nodes have in common: the view, the links, the
// clock, and frames taken apart by kind. A role overrides on_frame() and what else concerns it.
#pragma once

#include "actors/observed.hpp"
#include "protocol/core/codec.hpp"
#include "protocol/core/time.hpp"

#include <caf/message_handler.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace holdfast::actors {

class role_actor : public observed_actor {
public:
  explicit role_actor(caf::actor_config& config);

protected:
  [[nodiscard]] const cluster::view& current_view() const { return *view_; }
  [[nodiscard]] const std::set<std::string>& reachable() const { return reachable_; }

  // False: no link to that peer at the moment; the frame is lost.
  bool send_to(const std::string& peer, cluster::frame_kind kind, std::string bytes);
  template <class Frame>
  bool send_frame(const std::string& peer, cluster::frame_kind kind, const Frame& f) {
    return send_to(peer, kind, encode(f));
  }

  // Calls `handle` with the decoded frame; bytes that do not decode are counted and ignored.
  template <class Frame, class Handler>
  void with(std::string_view bytes, Handler handle) {
    if (auto decoded = decode<Frame>(bytes))
      handle(std::move(*decoded));
    else
      count_malformed();
  }

  [[nodiscard]] std::optional<caf::node_id> caf_node_of(const std::string& peer) const;

  void every(duration interval); // sends itself tick{} again and again; on_tick() hears of it

  // Handlers of the common messages; a role's own come first: own.or_else(common()).
  [[nodiscard]] caf::message_handler common();

  virtual void on_view() {}
  virtual void on_link(const std::string& peer, bool up);
  virtual void on_frame(const std::string& peer, cluster::frame_kind kind, std::string_view bytes);
  virtual void on_batch_end() {}
  virtual void on_congestion(const std::string& peer, bool congested);
  virtual void on_tick() {}

  // A view from elsewhere than the hub (a spawn carries one); older ones are ignored.
  void adopt_view(shared_view next);

private:
  void count_malformed();

  shared_view view_;
  struct peer_link {
    caf::actor actor;
    caf::node_id node;
  };
  std::map<std::string, peer_link> links_;
  std::set<std::string> reachable_;
  duration tick_interval_{};
  std::uint64_t malformed_ = 0;
};

} // namespace holdfast::actors
