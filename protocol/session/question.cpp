#include "protocol/session/question.hpp"

namespace holdfast::session {

namespace {
constexpr std::string_view prefix = "session:";
} // namespace

std::string key_of_session(std::string_view token) {
  return std::string{prefix}.append(token);
}

std::optional<session_address> session_named_by(std::string_view key,
                                                const cluster::token_ring& tokens) {
  if (!key.starts_with(prefix)) return std::nullopt;
  return tokens.verify(key.substr(prefix.size()));
}

} // namespace holdfast::session
