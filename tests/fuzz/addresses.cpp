// URI, name-addr, Via, parameters, host and port, CSeq: what is read is written and read again as
// the same, and a URI equals itself.
#include "protocol/sip/message_view.hpp"
#include "protocol/sip/text.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace holdfast;
using namespace holdfast::sip;
using fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto in = fuzz::text_of(data, size);
  if (const auto u = parse_uri(in)) {
    promise(parse_uri(to_string(*u)) == u, "a URI is written as it was read");
    promise(equivalent(*u, *u), "a URI equals itself");
    const auto aor = canonical_aor(*u);
    if (u->is_sip()) {
      const auto again = parse_uri(aor);
      promise(again && canonical_aor(*again) == aor, "an address of record is its own");
    }
    (void)target_of(*u);
  }
  if (const auto a = parse_name_addr(in)) {
    promise(parse_name_addr(to_string(*a)) == a, "a name-addr is written as it was read");
    promise(a->tag() == tag_of(in), "its tag is found without its URI");
    (void)a->q();
    (void)a->expires();
  }
  if (const auto v = parse_via(in)) {
    promise(parse_via(to_string(*v)) == v, "a Via is written as it was read");
    (void)response_destination(*v);
    (void)v->sent_by();
  }
  for (const auto value : split_list(in)) promise(value.size() <= in.size(), "a value is a part");
  (void)view_cseq(in);
  (void)parse_params(in);
  return 0;
}
