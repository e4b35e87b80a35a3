// What one session asks another (ask{} and asked{}): to the application there, or to the session
// itself, which knows nonces and dialogs.
#pragma once

#include "protocol/core/codec.hpp"

#include <cstdint>
#include <string>

namespace holdfast::session {

struct question {
  enum class subject : std::uint8_t { application = 1, nonce = 2, dialog = 3 };
  subject about = subject::application;
  std::string bytes; // as the subject says: nonce_question, dialog_question, the application's own
  unknown_fields unknown{};
};

template <class F>
void describe(F& f, question& x) {
  f(1, x.about);
  f(2, x.bytes);
  f(x.unknown);
}

} // namespace holdfast::session
