// What a proxy keeps of the messages it passed on until the container reports them handled, so that
// the next owner of a shard gets them too (design, "Links": replay in order; bounded).
//
// Order is that of arrival, hence in order per dialog. Duplicates are absorbed by the sessions.
#pragma once

#include "protocol/cluster/frames.hpp"
#include "protocol/cluster/view.hpp"
#include "protocol/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast::cluster {

class hold_queue {
public:
  static constexpr std::size_t messages_max = 20'000;

  explicit hold_queue(duration hold) : hold_{hold} {}

  // False: full; the message is not held (and must not be sent: 500 with Retry-After).
  [[nodiscard]] bool add(sip_in message, instant now);

  struct delivery {
    std::string node;
    sip_in message;
  };
  // This message, if its shard has a living owner that we have a link to (`reachable`) and that has
  // not got it from us in this epoch; nullopt: it waits.
  [[nodiscard]] std::optional<delivery> deliver(std::uint64_t receipt, const view& v,
                                                const std::set<std::string>& reachable);
  // All of them, in order: after a new view or a new link.
  [[nodiscard]] std::vector<delivery> deliver_all(const view& v,
                                                  const std::set<std::string>& reachable);

  void handled(const std::vector<std::uint64_t>& receipts);
  [[nodiscard]] bool holds(std::uint64_t receipt) const { return held_.contains(receipt); }

  // The link to `node` broke: what it had not handled may be lost, and goes again when it is back.
  void link_lost(const std::string& node);

  // Held for too long. `delivered`: some owner has it; only the others are to be answered.
  struct expired {
    sip_in message;
    bool delivered = false;
  };
  [[nodiscard]] std::vector<expired> expire(instant now);

  [[nodiscard]] std::size_t size() const { return held_.size(); }

private:
  void settle_copies(std::vector<expired>& out);
  struct entry {
    sip_in message;
    instant since;
    std::string sent_to; // node and incarnation; empty: to nobody yet
    epoch sent_epoch;
  };
  using table = std::map<std::uint64_t, entry>;
  [[nodiscard]] static std::optional<delivery> deliver(entry& e, const view& v,
                                                       const std::set<std::string>& reachable);

  duration hold_;
  table held_; // by receipt, which is the order of arrival
};

} // namespace holdfast::cluster
