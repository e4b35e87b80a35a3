#include "protocol/sip/message_view.hpp"
#include "protocol/sip/multipart.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "tests/protocol/sip/sip_test.hpp"

#include <chrono>

using namespace holdfast;
using namespace holdfast::sip;
using namespace holdfast::sip::test;

namespace {

constexpr std::string_view invite = "INVITE sip:bob@biloxi.com SIP/2.0\n"
                                    "v: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK77 ,\n"
                                    " SIP/2.0/TCP bigbox3.site3.atlanta.com;branch=z9hG4bK78\n"
                                    "Max-Forwards: 70\n"
                                    "X-Odd :  a\n"
                                    "\t b\n"
                                    "VIA: SIP / 2.0 / UDP [2001:db8::9]:5070\n"
                                    "t: Bob\n <sip:bob@biloxi.com>\n"
                                    "f: \"Al, ice\" <sip:alice@atlanta.com>;tag=1928301774\n"
                                    "i: a84b4c76e66710@pc33.atlanta.com\n"
                                    "CSeq: 314159\n  INVITE\n"
                                    "x-odd: ;,\n"
                                    "l: 5\n\nv=0\n";

// The view of text whose bytes it keeps.
struct kept {
  std::string bytes;
  message_view view;
  problem bad;

  explicit kept(std::string_view lines) : bytes{crlf(lines)}, bad{view.read(bytes)} {}
};

std::vector<std::string> values(const message_view& m, header_name name) {
  std::vector<std::string> out;
  m.each_value(name, [&](std::string_view v) {
    out.emplace_back(v);
    return true;
  });
  return out;
}

std::string with_line(std::string_view line) {
  std::string text{invite};
  return text.insert(text.find("Max-"), std::string{line} + "\n");
}

problem judged(std::string_view lines) {
  const kept k{lines};
  return k.bad ? k.bad : check_message(k.view);
}

} // namespace

TEST_CASE("view: header fields are found where they stand [RFC 3261 7.3]") {
  const kept k{invite};
  REQUIRE_FALSE(k.bad);
  const auto& m = k.view;
  CHECK(m.method() == "INVITE");
  CHECK(m.request_uri() == "sip:bob@biloxi.com");
  CHECK(m.size() == 10);
  CHECK(values(m, header_name::via)
        == row{"SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK77",
               "SIP/2.0/TCP bigbox3.site3.atlanta.com;branch=z9hG4bK78",
               "SIP / 2.0 / UDP [2001:db8::9]:5070"});
  CHECK(m.top_via()->branch == "z9hG4bK77");
  CHECK(m.call_id() == "a84b4c76e66710@pc33.atlanta.com");
  CHECK(m.from_tag() == "1928301774");
  CHECK(m.from()->display == "\"Al, ice\"");
  CHECK(m.to()->uri.host == "biloxi.com");
  CHECK(m.cseq()->method == "INVITE");
  CHECK(m.max_forwards() == 70U);
  CHECK(m.body() == "v=0\r\n");
  CHECK_FALSE(check_message(m));
}

TEST_CASE("view: unknown header fields stay byte for byte, folds too [RFC 3261 7.3.1]") {
  const kept k{invite};
  CHECK(k.view.header("X-ODD") == "a\r\n\t b");
  CHECK(k.view[2].name == "X-Odd");
  CHECK(k.view[8].value == ";,");
  std::string out;
  REQUIRE(append_stamped(k.view, {"pc33.atlanta.com", 1}, out));
  CHECK(out == k.bytes);
}

TEST_CASE("view: what is stamped changes the top Via and nothing else [RFC 3581 4]") {
  std::string text{invite};
  text.replace(text.find(";branch=z9hG4bK77"), 0, ";received=6.6.6.6 ; RPORT;n");
  const kept k{text};
  std::string out;
  REQUIRE(append_stamped(k.view, {"2001:db8::1", 65535}, out));
  auto expected = k.bytes;
  const std::string_view was = ";received=6.6.6.6 ; RPORT;n;branch=z9hG4bK77";
  expected.replace(expected.find(was), was.size(),
                   ";RPORT=65535;n;branch=z9hG4bK77;received=2001:db8::1");
  CHECK(out == expected);
}

TEST_CASE("view: no Via line is without a value, the first or another [RFC 3261 25.1]") {
  for (const std::size_t lines_before : {1U, 3U}) {
    std::string text{invite};
    std::size_t at = 0;
    for (std::size_t i = 0; i < lines_before; ++i) at = text.find('\n', at) + 1;
    for (const auto* name : {"V:", "Via : "}) {
      auto odd = text;
      CHECK(judged(odd.insert(at, std::string{name} + "\n")).what == "empty Via");
    }
  }
}

TEST_CASE("view: a message is read again in the same place without a trace of the last one") {
  message_view m;
  const auto first = crlf(invite), second = to_bytes(request("BYE"));
  REQUIRE_FALSE(m.read(first));
  REQUIRE_FALSE(m.read(second));
  CHECK(m.method() == "BYE");
  CHECK(m.size() == 8);
  CHECK_FALSE(m.header("X-Odd"));
  CHECK(values(m, header_name::via).size() == 1);
  CHECK(m.read("\r\n").status == 0);
  CHECK(m.size() == 0);
  CHECK_FALSE(m.has(header_name::via));
}

TEST_CASE("limits: each has its name and its error") {
  const auto repeated = [](std::string_view piece, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += piece;
    return out;
  };
  const auto vias = [&](std::size_t n) {
    return with_line("Via: SIP/2.0/UDP h" + repeated(",SIP/2.0/UDP h", n - 4));
  };
  const auto uri = [](std::size_t n) { return "INVITE sip:" + std::string(n, 'a') + " SIP/2.0\n"; };
  struct {
    std::string text;
    std::string_view what;
    int status;
  } const rows[] = {
      {std::string{invite} + std::string(message_size_max, 'x'), "message too large", 513},
      {uri(start_line_size_max) + "\n", "start line too long", 0},
      {with_line(repeated("A: b\n", headers_max)), "too many headers", 400},
      {with_line("A: " + std::string(header_size_max, 'a')), "header too long", 400},
      {with_line("A: b" + repeated("\n " + std::string(100, 'a'), 82)), "header too long", 400},
      {with_line("m: <sip:a@b>" + repeated(";p=1", params_max + 1)), "too many parameters", 400},
      {vias(via_depth_max + 1), "too many Via", 400},
  };
  for (const auto& r : rows) {
    CAPTURE(r.what);
    const auto bad = judged(r.text);
    CHECK(bad.what == r.what);
    CHECK(bad.status == r.status);
  }
  CHECK_FALSE(judged(vias(via_depth_max)));
  CHECK_FALSE(judged(with_line("m: <sip:a@b>" + repeated(";p=1", params_max))));
  CHECK_FALSE(judged(with_line("A: " + std::string(header_size_max - 3, 'a'))));
}

// Work is counted in time, so the margin is wide: quadratic would be 64 times as long.
TEST_CASE("view: eight times the input is about eight times the work") {
  const auto seconds = [](std::size_t n) {
    std::string text = "INVITE sip:b@c SIP/2.0\n";
    for (std::size_t i = 0; i < n / 8; ++i) text += "Via: SIP/2.0/UDP h;a=\"\\\"\",SIP/2.0/UDP g\n";
    text += "Contact: ";
    for (std::size_t i = 0; i < n; ++i) text += "<sip:a@b;x=,>;y,";
    const auto bytes = crlf(text + "<sip:z@z>\n\n");
    auto best = 1e9;
    for (int round = 0; round < 5; ++round) {
      const auto began = std::chrono::steady_clock::now();
      for (int i = 0; i < 20; ++i) {
        message_view m;
        (void)m.read(bytes);
        (void)check_message(m);
      }
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
      best = std::min(best, took.count());
    }
    return best;
  };
  CHECK(seconds(480) < 24 * seconds(60));
}

TEST_CASE("multipart: parts, their headers, and what is wrong with them [RFC 2046 5.1]") {
  const std::string body = crlf("preamble\n--unique-1\nContent-Type: application/sdp\n"
                                "Content-Disposition: session;\n handling=required\n\nv=0\n"
                                "--unique-1\n\nno headers\n--unique-1x\nstill it\n--unique-1--\n");
  const auto type = view_media_type("Multipart/Mixed; boundary=\"unique-1\"");
  REQUIRE(type.has_value());
  CHECK(type->is("multipart", "mixed"));
  // "--unique-1x" begins with the delimiter, and is therefore one that is malformed.
  CHECK(multipart_view::of(*type, body).error() == "multipart body that is not closed");
  auto good = body;
  good.erase(good.find("--unique-1x\r\n"), 13);
  auto parts = multipart_view::of(*type, good);
  REQUIRE(parts.has_value());
  CHECK(parts->size() == 2);
  body_part p;
  REQUIRE(parts->next(p));
  CHECK(p.header("content-type") == "application/sdp");
  CHECK(p.header("Content-Disposition") == "session;\r\n handling=required");
  CHECK(p.content == "v=0");
  REQUIRE(parts->next(p));
  CHECK(p.headers.empty());
  CHECK(p.content == "no headers\r\nstill it");
  CHECK_FALSE(parts->next(p));

  std::string many;
  for (std::size_t i = 0; i <= body_parts_max + 1; ++i) many += "--b\r\n\r\nx\r\n";
  struct {
    std::string_view type, body, error;
  } const rows[] = {
      {"text/plain", "", "no multipart"},
      {"multipart/mixed", "", "multipart without a proper boundary"},
      {"multipart/mixed;boundary=\"a \"", "", "multipart without a proper boundary"},
      {"multipart/mixed;boundary=b", "x--b\r\n", "multipart body without its boundary"},
      {"multipart/mixed;boundary=b", "--b\r\n\r\nx", "multipart body that is not closed"},
      {"multipart/mixed;boundary=b", many, "too many body parts"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.error);
    CHECK(multipart_view::of(*view_media_type(r.type), r.body).error() == r.error);
  }
  for (const auto* bad : {"", "text", "/x", "a/", "a/b;", "a b/c"})
    CHECK_FALSE(view_media_type(bad).has_value());
}
