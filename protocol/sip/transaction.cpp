#include "protocol/sip/transaction.hpp"

namespace holdfast::sip {

std::string_view to_string(timer_name t) {
  constexpr std::string_view letters = "ABCDEFGHIJKLM";
  return letters.substr(static_cast<std::size_t>(t), 1);
}

} // namespace holdfast::sip
