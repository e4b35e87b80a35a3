// How much of a session survives the death of its node (design, "Commit before output"). Each class
// promises what the ones before it do, and costs commits.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace holdfast::applications {

enum class durability : std::uint8_t {
  stable = 1,     // confirmed dialogs, bindings, subscriptions
  early = 2,      // and ringing calls: each provisional response waits for its commit
  transaction = 3 // and everything a retransmission could ask about, from the 100 Trying on
};

inline constexpr std::array<std::string_view, 3> durability_names{"stable", "early", "transaction"};

// nullopt: there is no class of that name.
[[nodiscard]] inline std::optional<durability> durability_of(std::string_view name) {
  for (std::size_t i = 0; i < durability_names.size(); ++i)
    if (durability_names[i] == name) return static_cast<durability>(i + 1);
  return std::nullopt;
}

} // namespace holdfast::applications
