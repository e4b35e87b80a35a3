// A stream: what comes out does not depend on how the bytes are cut. The first byte says how.
#include "protocol/sip/stream_framing.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <string>
#include <vector>

using namespace holdfast;

namespace {

std::vector<std::string> framed(std::string_view bytes, std::size_t piece, sip::keep_alive side) {
  std::vector<std::string> out;
  sip::stream_framing f{side};
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    f.push(bytes.substr(at, piece));
    for (;;) {
      const auto e = f.next();
      if (std::holds_alternative<sip::incomplete>(e)) break;
      if (const auto* m = std::get_if<sip::stream_message>(&e))
        out.emplace_back(m->bytes);
      else if (const auto* b = std::get_if<sip::broken>(&e))
        return out.emplace_back(b->what), out;
      else
        out.emplace_back(std::holds_alternative<sip::ping>(e) ? "ping" : "pong");
    }
  }
  return out;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto side = (data[0] & 0x80) != 0 ? sip::keep_alive::we_ask : sip::keep_alive::we_answer;
  const auto piece = static_cast<std::size_t>(data[0] & 0x7f) + 1;
  const auto bytes = fuzz::text_of(data + 1, size - 1);
  fuzz::promise(framed(bytes, piece, side) == framed(bytes, bytes.size(), side),
                "the pieces make no difference");
  return 0;
}
