// The few words of a SIP message that tell people which one it is, found in its bytes without
// parsing it: for the record of what passed, where a full parse would cost too much. Never for a
// decision: it believes whatever stands there.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::sip {

struct sketch {
  std::string_view method;  // of the request, or of the CSeq of a response
  std::uint16_t status = 0; // 0: a request
  std::uint32_t cseq = 0;
  std::string_view call_id;
};

// nullopt: it begins like no SIP message, or has no Call-ID. Views into `bytes`.
[[nodiscard]] std::optional<sketch> sketch_of(std::string_view bytes);

} // namespace holdfast::sip
