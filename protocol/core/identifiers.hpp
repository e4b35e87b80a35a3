// Strong types for what the cluster names by number, so that two bare integers never stand side
// by side. SIP's own identifiers (branch, tags, Call-ID) live with SIP.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace holdfast {

// An integer that converts to nothing by itself.
template <class Tag, class Rep>
struct strong_number {
  Rep value{};

  friend constexpr auto operator<=>(const strong_number&, const strong_number&) = default;
};

using shard_id = strong_number<struct shard_tag, std::uint16_t>; // unique over all domains
using session_id =
    strong_number<struct session_tag, std::uint64_t>;         // unguessable, unique in its shard
using epoch = strong_number<struct epoch_tag, std::uint64_t>; // of a shard; only ever grows
using incarnation =
    strong_number<struct incarnation_tag, std::uint64_t>; // of a node, given at join
using view_number = strong_number<struct view_tag, std::uint64_t>;
using sequence =
    strong_number<struct sequence_tag, std::uint64_t>; // of a commit within a shard's epoch

// A node as owner or replica: a restarted node is a new one (design, "Who does what").
struct node_id {
  std::string name; // "container-1"
  holdfast::incarnation incarnation;

  friend auto operator<=>(const node_id&, const node_id&) = default;
};

// "container-1#3", for logs and the command line.
[[nodiscard]] std::string to_string(const node_id& node);

// Where a session lives: the only address a session has (design, "Links").
struct session_address {
  shard_id shard;
  session_id session;

  friend auto operator<=>(const session_address&, const session_address&) = default;
};

} // namespace holdfast

template <class Tag, class Rep>
struct std::hash<holdfast::strong_number<Tag, Rep>> {
  std::size_t operator()(const holdfast::strong_number<Tag, Rep>& n) const noexcept {
    return std::hash<Rep>{}(n.value);
  }
};
