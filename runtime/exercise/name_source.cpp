#include "runtime/exercise/name_source.hpp"

#include "protocol/sip/via.hpp"

namespace holdfast::exercise {

std::uint64_t name_source::number() {
  state_ += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

std::string name_source::name() {
  static constexpr char digits[] = "0123456789abcdef";
  auto rest = number();
  std::string out(16, '0');
  for (auto& c : out) {
    c = digits[rest & 15U];
    rest >>= 4U;
  }
  return out;
}

std::string name_source::branch() {
  return std::string{sip::magic_cookie} + name();
}

} // namespace holdfast::exercise
