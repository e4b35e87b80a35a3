// Who is suspected, by whom, and when that is enough to act (design, "Failure" 2: suspicion from
// two observers where there are two).
//
// Our own detector must suspect; beside it one other observer, if there is one that is well. One
// that is well and does not agree holds us up for a bounded time. After a late tick, and after a
// start, nothing is believed for a full window.
#pragma once

#include "protocol/cluster/view.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/core/time.hpp"

#include <map>
#include <string>
#include <vector>

namespace holdfast::cluster {

inline constexpr duration second_observer_patience{1s};
// Nobody else has to agree about a proxy or dispatcher. When we are cut off ourselves, everybody falls
// silent within a heartbeat: so long a suspicion of ours alone waits for the others of its kind.
inline constexpr duration lone_observer_patience{100ms};
// An owner that suspects its replica stalls; after this long the replica is taken from it.
inline constexpr duration stalled_owner_patience{1s};

class suspicions {
public:
  // `observer` empty: our own detector.
  void heard_from(const std::string& observer, const node_id& of, bool suspected, instant now);
  // Dead or gone: neither a suspect nor an observer any more.
  void forget(const node_id& who);
  // Suspected processes that the view calls dead: nobody will take that back.
  void forget_dead(const view& v);
  // Every suspicion has to last from now on as if it had just come, and none stands before
  // `believe_from`.
  void restart(instant now, instant believe_from);

  [[nodiscard]] bool ours(const node_id& of) const;
  // Enough observers agree, or the others had their time.
  [[nodiscard]] bool stands(const node_id& of, const view& v, instant now) const;
  // `owner` can not reach `replica`, whatever we think of it, and for too long.
  [[nodiscard]] bool cut_off(const node_id& owner, const node_id& replica, instant now) const;
  // Suspected by our own detector, standing or not.
  [[nodiscard]] std::vector<node_id> suspects() const;

private:
  std::map<node_id, std::map<std::string, instant>> since_; // suspect -> observer -> since when
  instant believe_from_{instant::min()};
};

} // namespace holdfast::cluster
