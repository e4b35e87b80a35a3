// A datagram: what is accepted is the same message after it was written, stamped or encoded; what
// is refused can be answered.
#include "protocol/core/codec.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/transaction_key.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace holdfast;
using fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::text_of(data, size);
  static sip::message_view view;
  const auto bad = view.read(bytes);
  const auto m = sip::parse(bytes);
  promise(m.has_value() == (!bad && !sip::check_message(view)), "view and copy agree");
  if (!m) {
    if (const auto answer = sip::error_response(m.error())) (void)sip::to_bytes(*answer);
    return 0;
  }
  promise(sip::parse(sip::to_bytes(*m)) == m, "parse(to_bytes(m)) is m");
  promise(decode<sip::message>(encode(*m)) == *m, "decode(encode(m)) is m");
  promise(view.from_tag() == m->from_tag() && view.to_tag() == m->to_tag(), "tags agree");
  (void)sip::client_key(*m);
  if (!m->is_request()) return 0;
  (void)sip::server_key(*m);
  const endpoint source{"2001:db8::1", 5070};
  std::string stamped;
  promise(sip::append_stamped(view, source, stamped), "a checked request can be stamped");
  auto same = *m;
  promise(sip::stamp_source(same, source), "its copy too");
  auto passed_on = sip::parse(stamped);
  promise(passed_on.has_value(), "what was stamped is well-formed");
  promise(passed_on->top_via() == same.top_via(), "in place and in the copy it is the same stamp");
  promise(passed_on->headers("Via").size() == same.headers("Via").size(), "no Via comes or goes");
  passed_on->remove("Via");
  same.remove("Via");
  promise(*passed_on == same, "nothing but Via is stamped");
  if (m->is("ACK")) return 0;
  const auto response = sip::make_response(*m, 486, "", "tag");
  promise(sip::parse(sip::to_bytes(response)).has_value(), "a response to it is well-formed");
  return 0;
}
