// What one session asks another (ask{} and asked{}): to the application there, or to the session
// itself, which knows nonces.
#pragma once

#include "protocol/cluster/token.hpp"
#include "protocol/core/codec.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::session {

struct question {
  enum class subject : std::uint8_t { application = 1, nonce = 2 };
  subject about = subject::application;
  std::string bytes; // as the subject says: a nonce_question, or the application's own
  unknown_fields unknown{};
};

template <class F>
void describe(F& f, question& x) {
  f(1, x.about);
  f(2, x.bytes);
  f(x.unknown);
}

// The key of an ask{} to one session, whose token somebody showed us. Other keys are found by their
// home shard.
[[nodiscard]] std::string key_of_session(std::string_view token);

// nullopt: `key` is of the other kind, or was not made with a token of ours.
[[nodiscard]] std::optional<session_address> session_named_by(std::string_view key,
                                                              const cluster::token_ring& tokens);

} // namespace holdfast::session
