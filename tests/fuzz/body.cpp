// A media type in the first line, and a body of it: parts lie within the body, as many as were
// said.
#include "protocol/sip/multipart.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <algorithm>

using namespace holdfast;
using fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto in = fuzz::text_of(data, size);
  const auto end = std::min(in.find('\n'), in.size());
  const auto type = sip::view_media_type(in.substr(0, end));
  if (!type) return 0;
  const auto body = in.substr(std::min(end + 1, in.size()));
  auto parts = sip::multipart_view::of(*type, body);
  if (!parts) return 0;
  std::size_t seen = 0;
  for (sip::body_part p; parts->next(p); ++seen) {
    promise(p.content.size() + p.headers.size() <= body.size(), "a part is no larger than all");
    (void)p.header("Content-Type");
  }
  promise(seen == parts->size(), "as many parts as were said");
  return 0;
}
