// The name that every request of an exercise carries, so that the far end can tell which call it
// belongs to and whether it came twice. It travels in a header and, because a b2bua may drop
// headers it does not know, in the body: an SDP attribute or a line of text.
#pragma once

#include "protocol/sip/message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::exercise {

inline constexpr std::string_view id_header = "X-Exercise-Id";

// "5f3a-12-c3": run, call number, end and count of the request.
[[nodiscard]] std::string make_exercise_id(std::uint64_t run, std::uint32_t call, char end,
                                           std::uint32_t count);

// The call number in it; nullopt: of another run, or none of ours.
[[nodiscard]] std::optional<std::uint32_t> call_of(std::string_view id, std::uint64_t run);

// Header first, then body; empty: none.
[[nodiscard]] std::string find_exercise_id(const sip::message& m);

// "x-exercise-id:ID", as a line of a body.
[[nodiscard]] std::string id_line(std::string_view id);

} // namespace holdfast::exercise
