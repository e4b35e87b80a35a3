// Unique parts for branches, Call-IDs and tags, out of the seed that the shell supplies. A restored
// session gets a fresh seed, so nothing unique is ever made twice; the state is in no snapshot.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::session {

class entropy {
public:
  explicit entropy(std::uint64_t seed) : state_{seed} {}

  // splitmix64: every seed gives a full period.
  [[nodiscard]] std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  }

  // 13 characters out of [a-z2-7], 64 bits.
  [[nodiscard]] std::string unique();

private:
  std::uint64_t state_;
};

} // namespace holdfast::session
