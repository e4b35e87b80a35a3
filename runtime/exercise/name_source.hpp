// Branches, tags and Call-IDs: a function of the seed, so that a run can be told apart from the
// one before it and repeated.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::exercise {

class name_source {
public:
  explicit name_source(std::uint64_t seed) : state_{seed} {}

  [[nodiscard]] std::uint64_t number(); // splitmix64
  [[nodiscard]] std::string name();     // 16 characters of hexadecimal
  [[nodiscard]] std::string branch();   // with the magic cookie

private:
  std::uint64_t state_;
};

} // namespace holdfast::exercise
