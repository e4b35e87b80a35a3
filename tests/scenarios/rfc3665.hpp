// The call flows of RFC 3665 as its text has them, and what a run did in their place.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace scenarios {

struct ladder_line {
  std::string from;
  std::string to;
  std::string kind; // "INVITE", "180"
  std::string name; // "F5", of a flow of the RFC
};

// HOLDFAST_RFC3665, or ../shared/rfc/rfc3665.txt beside the checkout; nullopt: it is not there.
[[nodiscard]] std::optional<std::filesystem::path> text_of_rfc3665();

// The flow of a section ("3.8"), in the RFC's own names ("Proxy 1").
[[nodiscard]] std::vector<ladder_line> flow_of_section(const std::filesystem::path& rfc,
                                                       const std::string& section);

// What is missing ("- F12 Proxy 2 -> Proxy 1 480") and what is more ("+ biloxi -> atlanta 408") in
// `ran`. `cast`: name in the RFC -> name here. Compared for each pair of neighbours and direction,
// in order: what crosses on other ways has no order in the RFC either. Messages between others than
// the cast do not count. The last line says how many are the same.
[[nodiscard]] std::string compare(const std::vector<ladder_line>& rfc,
                                  const std::vector<ladder_line>& ran,
                                  const std::map<std::string, std::string>& cast);

} // namespace scenarios
