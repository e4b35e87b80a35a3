// The document of the event package "reg": who is registered where (RFC 3680 5).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::applications {

inline constexpr std::string_view registration_info_type = "application/reginfo+xml";

struct registered_contact {
  std::string id;
  std::string uri;
  std::chrono::seconds left{}; // until it expires
};

// The full state of one address of record.
[[nodiscard]] std::string registration_info(std::string_view aor, std::uint32_t version,
                                            const std::vector<registered_contact>& contacts);

} // namespace holdfast::applications
