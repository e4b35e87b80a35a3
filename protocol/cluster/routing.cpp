#include "protocol/cluster/routing.hpp"

#include "protocol/cluster/view.hpp"
#include "protocol/session/directory_key.hpp"
#include "protocol/sip/uri.hpp"

#include <string_view>
#include <utility>

namespace holdfast::cluster {

namespace {

constexpr std::string_view magic_cookie = "z9hG4bK"; // RFC 3261 8.1.1.7

std::optional<session_address> token_in_user_of(std::string_view uri, const token_ring& tokens) {
  const auto parsed = sip::view_uri(uri);
  return parsed ? tokens.verify(parsed->user) : std::nullopt;
}

std::optional<session_address> token_in_dialog(const sip::message_view& request,
                                               const token_ring& tokens) {
  const auto top_route = request.first_value(sip::header_name::route);
  if (const auto parsed = sip::view_name_addr(top_route))
    if (const auto found = tokens.verify(parsed->uri.user)) return found;
  const auto to_tag = request.to_tag();
  if (to_tag.empty()) return std::nullopt;
  if (const auto found = tokens.verify(to_tag)) return found;
  return token_in_user_of(request.request_uri(), tokens);
}

std::optional<session_address> token_of_response(const sip::message_view& response,
                                                 const token_ring& tokens) {
  if (const auto via = response.top_via(); via && via->branch.starts_with(magic_cookie))
    if (const auto found = tokens.verify(via->branch.substr(magic_cookie.size()))) return found;
  return tokens.verify(response.from_tag());
}

} // namespace

std::optional<route> route_of(const sip::message_view& message, const token_ring& tokens,
                              std::uint16_t shard_count, std::string key) {
  const auto known =
      message.is_request() ? token_in_dialog(message, tokens) : token_of_response(message, tokens);
  // A shard beyond our count is a token of another life of this cluster.
  if (known && known->shard.value < shard_count) return route{*known, {}, false, false};
  if (!message.is_request()) return std::nullopt;
  route r;
  r.key = std::move(key);
  session::write_directory_key(message, r.key);
  r.to.shard = home_shard(r.key, shard_count);
  r.by_address_of_record = session::concerns_registration(message);
  r.may_create = message.to_tag().empty() && !message.is("ACK") && !message.is("CANCEL");
  return r;
}

} // namespace holdfast::cluster
