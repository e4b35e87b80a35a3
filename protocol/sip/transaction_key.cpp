#include "protocol/sip/transaction_key.hpp"

#include <string_view>

namespace holdfast::sip {

namespace {

// No part contains a line break: header values are unfolded.
void append(std::string& key, std::string_view part) {
  key += part;
  key += '\n';
}

result<transaction_key> server_key_as(const message& request, std::string_view method) {
  auto top = request.top_via();
  if (!top) return tl::make_unexpected(top.error());
  transaction_key key;
  if (top->has_magic_cookie()) {
    append(key.text, "b");
    append(key.text, top->branch());
    append(key.text, top->sent_by());
    append(key.text, method);
    return key;
  }
  const auto number = request.cseq();
  if (!number) return tl::make_unexpected(number.error());
  // What the way here has added is no part of what the client sent.
  remove_param(top->params, "received");
  remove_param(top->params, "rport");
  append(key.text, "o");
  append(key.text, request.request_uri);
  append(key.text, request.from_tag());
  append(key.text, request.call_id());
  append(key.text, std::to_string(number->number));
  append(key.text, to_string(*top));
  append(key.text, method);
  return key;
}

} // namespace

result<transaction_key> server_key(const message& request) {
  return server_key_as(request, request.is("ACK") ? "INVITE" : std::string_view{request.method});
}

result<transaction_key> cancelled_key(const message& cancel) {
  return server_key_as(cancel, "INVITE");
}

result<transaction_key> client_key(const message& m) {
  const auto top = m.top_via();
  if (!top) return tl::make_unexpected(top.error());
  const auto number = m.cseq();
  if (!number) return tl::make_unexpected(number.error());
  if (top->branch().empty()) return fail("top Via without a branch");
  transaction_key key;
  append(key.text, "c");
  append(key.text, top->branch());
  append(key.text, number->method);
  return key;
}

} // namespace holdfast::sip
