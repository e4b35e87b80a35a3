#include "protocol/sip/stream_framing.hpp"
#include "tests/protocol/sip/sip_test.hpp"

using namespace holdfast;
using namespace holdfast::sip;
using namespace holdfast::sip::test;

namespace {

std::string a_bye() {
  return to_bytes(request("BYE"));
}
std::string an_invite() {
  auto m = request("INVITE");
  m.body = "v=0\r\n\r\n\r\nINVITE";
  return to_bytes(m);
}

std::string word(const stream_event& e) {
  if (const auto* m = std::get_if<stream_message>(&e)) return std::string{m->bytes};
  if (const auto* b = std::get_if<broken>(&e)) return "broken: " + std::string{b->what};
  return std::holds_alternative<ping>(e) ? "ping" : std::holds_alternative<pong>(e) ? "pong" : "";
}

// What comes out when the bytes come in pieces of this size.
std::vector<std::string> framed(std::string_view bytes, std::size_t piece,
                                keep_alive side = keep_alive::we_answer) {
  std::vector<std::string> out;
  stream_framing f{side};
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    f.push(bytes.substr(at, piece));
    for (auto e = word(f.next()); !e.empty(); e = word(f.next())) {
      out.push_back(e);
      if (e.starts_with("broken")) return out;
    }
  }
  return out;
}

} // namespace

TEST_CASE("framing: the same messages whatever the pieces [RFC 3261 18.3, 7.5; RFC 5626 4.4.1]") {
  const auto bye = a_bye(), with_body = an_invite();
  const auto stream = "\r\n" + bye + with_body + "\r\n\r\n" + bye + "\r\n\r\n\r\n\r\n\r\n" + bye;
  const row expected{bye, with_body, "ping", bye, "ping", "ping", bye};
  for (const auto piece : std::vector<std::size_t>{1, 2, 3, 7, 100, 1000, 10000}) {
    CAPTURE(piece);
    CHECK(framed(stream, piece) == expected);
  }
}

TEST_CASE("framing: who asks gets a pong at once [RFC 5626 3.5.1]") {
  const auto bye = a_bye();
  CHECK(framed("\r\n", 1, keep_alive::we_ask) == row{"pong"});
  CHECK(framed("\r\n" + bye + "\r\n\r\n", 1, keep_alive::we_ask)
        == row{"pong", bye, "pong", "pong"});
  CHECK(framed("\r\n", 1).empty());
  CHECK(framed("\r\n\r\n", 1) == row{"ping"});
}

TEST_CASE("framing: what can never become a message breaks the stream [RFC 3261 18.3]") {
  const auto bye = a_bye();
  const std::string head = "OPTIONS sip:a SIP/2.0\r\n";
  struct {
    std::string bytes, what;
  } const rows[] = {
      {head + "Via: x\r\n\r\n", "broken: no Content-Length on a stream"},
      {head + "l: -9\r\n\r\n", "broken: malformed Content-Length"},
      {head + "l: 99999999999999999999\r\n\r\n", "broken: malformed Content-Length"},
      {head + "l: 1\r\nContent-Length: 1\r\n\r\n", "broken: more than one Content-Length"},
      {head + "l: 65535\r\n\r\n", "broken: message too large"},
      {head + "X: y\r\n l: 5\r\n\r\n", "broken: no Content-Length on a stream"},
      {std::string(message_size_max + 1, 'x'), "broken: headers too large"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.what);
    CHECK(framed(r.bytes, 1000) == row{r.what});
    CHECK(framed(bye + r.bytes, 17) == row{bye, r.what});
  }
}
