// Where a SIP message goes, from nothing but the message (design, "Shards, sessions, routing").
//
//   request in a dialog   our top Route, To-tag, user of the Request-URI: the first with a token of
//   ours initial request       home shard H(Call-ID, From-tag); its copies, CANCEL and ACK likewise
//   REGISTER              home shard H(address of record)
//   response              Via branch, then From-tag
#pragma once

#include "protocol/cluster/token.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/sip/message_view.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast::cluster {

struct route {
  session_address to; // session 0: whoever is found under `key` in shard `to.shard`
  std::string key;
  bool by_address_of_record = false;
  bool may_create = false; // an initial request that is neither ACK nor CANCEL

  friend bool operator==(const route&, const route&) = default;
};

// nullopt: a response that answers nothing we sent; drop it. Allocates nothing but the key, and not
// that where `key` is a string with room for it.
[[nodiscard]] std::optional<route> route_of(const sip::message_view& message,
                                            const token_ring& tokens, std::uint16_t shard_count,
                                            std::string key = {});

} // namespace holdfast::cluster
