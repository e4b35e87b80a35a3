#include "protocol/session/entropy.hpp"

namespace holdfast::session {

std::string entropy::unique() {
  static constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::string text;
  auto rest = next();
  for (int i = 0; i < 13; ++i) {
    text.push_back(alphabet[rest % 32]);
    rest /= 32;
  }
  return text;
}

} // namespace holdfast::session
