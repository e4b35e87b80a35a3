// Just enough SDP (RFC 8866) for an offer, an answer and the question whether the far end's
// session is still the one it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::exercise {

// One audio stream that nobody sends: the exercise is about signalling. `id`: an exercise id to
// put into an attribute; empty: none.
struct session_description {
  std::string user;
  std::uint64_t session = 0;
  std::uint64_t version = 1; // RFC 3264 section 8: grows by one with every change
  std::string address;
  std::string id;
};

[[nodiscard]] std::string to_text(const session_description& sdp);

// The value of the o= line; empty: no SDP.
[[nodiscard]] std::string origin_line(std::string_view body);

struct origin {
  std::string identity; // user, session id, network type, address type and address
  std::uint64_t version = 0;
};

// nullopt: not the six fields of RFC 8866 5.2.
[[nodiscard]] std::optional<origin> parse_origin(std::string_view line);

} // namespace holdfast::exercise
