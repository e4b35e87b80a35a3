// Under what name a session is found while the messages for it carry no token (design, "Shards,
// sessions, routing": "Without a token"). The directory of the home shard keeps key -> session.
#pragma once

#include "protocol/sip/message.hpp"
#include "protocol/sip/message_view.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::session {

// Of an initial request, its copies, its CANCEL and its ACK: "call:<call-id>;<from-tag>".
[[nodiscard]] std::string directory_key(std::string_view call_id, std::string_view from_tag);

// Of everything that concerns one address of record, in the form that sip::canonical_aor() gives:
// "aor:sip:bob@example.com".
[[nodiscard]] std::string directory_key_of_aor(std::string_view canonical_aor);

// The address of record of such a key; nullopt: it is that of a call. A view into `key`.
[[nodiscard]] std::optional<std::string_view> aor_of_directory_key(std::string_view key);

// A REGISTER, or an initial SUBSCRIBE to the event "reg" (RFC 3680): it belongs to the session of
// the address of record.
[[nodiscard]] bool concerns_registration(const sip::message& request);
[[nodiscard]] bool concerns_registration(const sip::message_view& request);

// The key under which a request without a token is looked for: a REGISTER by the address of record
// in To, a SUBSCRIBE to it by the Request-URI, everything else by Call-ID and From-tag.
[[nodiscard]] std::string directory_key_of(const sip::message& request);

// The same, in place of what `key` held: allocates nothing that its capacity can spare.
void write_directory_key(const sip::message_view& request, std::string& key);

} // namespace holdfast::session
