// What links carry: the first byte chooses the type, the rest is its bytes. What decodes is the
// same after it was encoded again; a PROXY header is unwrapped to what wraps to the same.
#include "protocol/cluster/frames.hpp"

#include "protocol/cluster/proxy_protocol.hpp"
#include "protocol/sip/dialog.hpp"
#include "protocol/sip/invite_client_transaction.hpp"
#include "protocol/sip/invite_server_transaction.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace holdfast;
using namespace holdfast::cluster;

namespace {

template <class T>
void check(std::string_view bytes) {
  const auto x = decode<T>(bytes);
  if (!x) return;
  const auto once = encode(*x);
  const auto again = decode<T>(once);
  fuzz::promise(again && encode(*again) == once, "decode(encode(x)) is x");
}

template <class... Types>
void check_one_of(std::size_t which, std::string_view bytes) {
  std::size_t i = 0;
  ((i++ == which ? check<Types>(bytes) : void()), ...);
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = fuzz::text_of(data + 1, size - 1);
  check_one_of<frame_batch, hello, credit_grant, sip_in, sip_out, handled, send_failure, commit,
               commit_ack, stream_open, stream_resume, stream_complete, keepalive, keepalive_ack,
               release, ask, answer, who_has, who_has_reply, directory_release, join, join_refused,
               view_pull, container_report, suspicion, shard_start, view, session_record,
               sip::dialog, sip::invite_client_transaction, sip::invite_server_transaction>(
      data[0] % 32U, bytes);
  if (data[0] % 32U == 31) (void)unwrap_datagram(bytes);
  return 0;
}
