// Answers for sessions that do not exist: their shard was lost, or they ended long ago. Nothing is
// remembered, so every copy of a message gets the same again.
#pragma once

#include "protocol/session/environment.hpp"
#include "protocol/session/session.hpp"
#include "protocol/sip/dialog.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace holdfast::session {

// A message whose token names `address`, where no session is (and no copy of one): a request 481
// (RFC 3261 12.2.2, 9.2), an ACK nothing; a response that a proxy application has to pass
// on is passed on; other responses are dropped.
[[nodiscard]] std::vector<effect> on_orphan(const environment& env, session_address address,
                                            std::string_view bytes, const flow& source);

// A 2xx to an INVITE of which nothing is known at `address` any more. What is then to be done takes
// a session: a new one there, which acknowledges it and repeats a BYE until it is answered (RFC
// 3261 13.2.2.4, 15.1.1).
[[nodiscard]] bool is_half_a_call(const environment& env, session_address address,
                                  std::string_view bytes);

// The response to a request by who keeps no state, as an effect without proxy. nullopt: the bytes
// are no request, or an ACK, which never gets an answer. `retry_after` of 0: no such header.
[[nodiscard]] std::optional<send> stateless_response(std::string_view request, const flow& source,
                                                     int status, duration retry_after = {});

// The dialog that a 2xx to a forgotten INVITE of ours has made, with a CSeq above what may have
// been sent in it; nullopt: it has no usable Contact.
[[nodiscard]] std::optional<sip::dialog> stray_dialog(const sip::message& response);

} // namespace holdfast::session
