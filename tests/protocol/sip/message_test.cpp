#include "protocol/core/codec.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "tests/protocol/sip/sip_test.hpp"

#include <cstdint>

using namespace holdfast;
using namespace holdfast::sip;
using namespace holdfast::sip::test;

namespace {

constexpr std::string_view invite = "INVITE sip:bob@biloxi.com SIP/2.0\n"
                                    "v: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK77 ,\n"
                                    " SIP/2.0/TCP bigbox3.site3.atlanta.com;branch=z9hG4bK78\n"
                                    "Max-Forwards: 70\n"
                                    "t: Bob <sip:bob@biloxi.com>\n"
                                    "f: \"Al, ice\" <sip:alice@atlanta.com>;tag=1928301774\n"
                                    "i: a84b4c76e66710@pc33.atlanta.com\n"
                                    "CSeq: 314159 INVITE\n"
                                    "m: <sip:al,ice@pc33.atlanta.com>;q=0.5, \"B, C\" <sip:c@d>\n"
                                    "X-Odd:  keep,  this\n"
                                    "l: 5\n\nv=0\n";

// A small generator: mutations must be the same in every run.
struct dice {
  std::uint64_t state;
  std::size_t below(std::size_t n) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>((state >> 33) % n);
  }
};

} // namespace

TEST_CASE("parser: compact forms, folding and lists [RFC 3261 7.3.1, 7.3.3]") {
  const auto m = parsed(invite);
  CHECK(m.fields[0].name == "Via");
  CHECK(m.headers("Via").size() == 2);
  CHECK(m.headers("v")[1] == "SIP/2.0/TCP bigbox3.site3.atlanta.com;branch=z9hG4bK78");
  CHECK(m.header("call-id") == "a84b4c76e66710@pc33.atlanta.com");
  CHECK(m.from()->display == "Al, ice");
  CHECK(m.from_tag() == "1928301774");
  CHECK(m.to_tag() == "");
  CHECK(m.header("X-Odd") == "keep,  this");
  CHECK(m.cseq() == sip::cseq{314159, "INVITE"});
  CHECK(m.max_forwards() == 70U);
  REQUIRE(m.contacts()->size() == 2);
  CHECK(m.contacts()->at(0).q() == 500);
  CHECK(m.contacts()->at(1).display == "B, C");
  CHECK(m.body == "v=0\r\n");
}

TEST_CASE("writer: parse(to_bytes(m)) is m, and so is decode(encode(m))") {
  const auto m = parsed(invite);
  CHECK(parse(to_bytes(m)) == m);
  CHECK(to_bytes(m).size() <= size_at_most(m));
  CHECK(decode<message>(encode(m)) == m);
  const auto answer = make_response(m, 180, "", "x");
  CHECK(parse(to_bytes(answer)) == answer);
  CHECK(to_bytes(answer).size() <= size_at_most(answer));
}

TEST_CASE("message: top values come and go inside comma lists") {
  auto m = parsed(invite);
  m.prepend("Via", "SIP/2.0/UDP us.example.com;branch=z9hG4bKus");
  CHECK(m.top_via()->host == "us.example.com");
  CHECK(m.remove_first("Via"));
  CHECK(m.replace_first("Via", "SIP/2.0/UDP changed"));
  CHECK(m.headers("Via").size() == 2);
  CHECK(m.remove_first("Via"));
  CHECK(m.top_via()->transport == "TCP");
  CHECK(m.remove_first("Via"));
  CHECK_FALSE(m.remove_first("Via"));
}

TEST_CASE("parser: what is malformed says so, and gets its answer where one is possible") {
  struct {
    std::string_view from, to;
    int status;
    bool answered;
  } const rows[] = {
      {"SIP/2.0\nv", "SIP/3.0\nv", 505, true},
      {"INVITE sip:bob", "INVITE  sip:bob", 400, true},
      {"sip:bob@biloxi.com SIP", "<sip:bob@biloxi.com> SIP", 400, true},
      {"314159 INVITE", "314159 BYE", 400, true},
      {"314159 INVITE", "4294967296 INVITE", 400, true},
      {"Max-Forwards: 70", "Max-Forwards: many", 400, true},
      {"CSeq: ", "X: ", 400, true},
      {"i: ", "t: ", 400, true},
      {"l: 5", "l: 6", 400, true},
      {"l: 5", "l: -1", 400, true},
      {"l: 5", "l: 5\nl: 5", 400, true},
      {"l: 5\n\nv=0\n", "", 400, true},
      {"X-Odd: ", "X Odd: ", 400, true},
      {"v: SIP", "X: SIP", 400, false},
      {"v: SIP", "Via:\nX: SIP", 400, true},
      {"INVITE sip", "ACK sip", 400, false},
      {"INVITE sip", "INV(TE sip", 0, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.to);
    std::string text{invite};
    const auto at = text.find(row.from);
    REQUIRE(at != std::string::npos);
    text.replace(at, row.from.size(), row.to);
    const auto m = parse(crlf(text));
    REQUIRE_FALSE(m.has_value());
    CHECK(m.error().status == row.status);
    const auto answer = error_response(m.error());
    CHECK(answer.has_value() == row.answered);
    if (answer) {
      CHECK(answer->status == row.status);
      CHECK(answer->header("Via") == m.error().partial->header("Via"));
    }
  }
}

TEST_CASE("parser: a keep-alive and noise are not answered") {
  for (const auto* text : {"", "\r\n\r\n", "\r\n", "hello", "\x01\x02\r\n\r\n"}) {
    const auto m = parse(text);
    REQUIRE_FALSE(m.has_value());
    CHECK(m.error().status == 0);
    CHECK_FALSE(error_response(m.error()));
  }
}

TEST_CASE("parser: bytes behind Content-Length are ignored [RFC 3261 18.3]") {
  const auto bytes = crlf(invite);
  CHECK(parse(bytes + "INVITE sip:again") == parse(bytes));
  CHECK(parse("\r\n\r\n" + bytes) == parse(bytes));
}

TEST_CASE("parser: limits have names") {
  const auto with = [](const std::string& headers) {
    std::string text{invite};
    return parse(crlf(text.insert(text.find("Max-"), headers)));
  };
  std::string many;
  for (std::size_t i = 0; i < headers_max; ++i) many += "X-A: b\n";
  CHECK_FALSE(with(many).has_value());
  CHECK_FALSE(with("X-A: " + std::string(header_size_max, 'a') + "\n").has_value());
  CHECK(with("X-A: " + std::string(header_size_max - 10, 'a') + "\n").has_value());
  std::string folded = "X-A: b\n";
  for (int i = 0; i < 200; ++i) folded += " " + std::string(100, 'a') + "\n";
  CHECK_FALSE(with(folded).has_value());
}

TEST_CASE("parser: no truncation and no mutation crashes it; what it accepts round-trips") {
  const auto bytes = crlf(invite);
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK_FALSE(parse(std::string_view{bytes}.substr(0, n)).has_value());
  dice d{42};
  constexpr std::string_view nasty = "\r\n \t;,<>\":=@%[]?/\\\0z9";
  for (int round = 0; round < 20000; ++round) {
    auto mutant = bytes;
    for (auto k = d.below(4) + 1; k > 0; --k) {
      const auto at = d.below(mutant.size());
      switch (d.below(3)) {
      case 0:
        mutant[at] = nasty[d.below(nasty.size())];
        break;
      case 1:
        mutant.erase(at, d.below(8) + 1);
        break;
      default:
        mutant.insert(at, 1, nasty[d.below(nasty.size())]);
      }
    }
    const auto m = parse(mutant);
    if (m) {
      CHECK(parse(to_bytes(*m)) == *m);
      CHECK(to_bytes(*m).size() <= size_at_most(*m));
      (void)m->contacts();
    } else if (const auto answer = error_response(m.error())) {
      (void)to_bytes(*answer);
    }
  }
}

TEST_CASE("response: Via, From, To, Call-ID, CSeq of the request [RFC 3261 8.2.6]") {
  auto m = parsed(invite);
  m.add("Record-Route", "<sip:p1;lr>");
  m.add("Timestamp", "54");
  const auto ok = make_response(m, 200, "", "ours");
  CHECK(ok.reason == "OK");
  CHECK(ok.headers("Via") == m.headers("Via"));
  CHECK(ok.header("Record-Route") == "<sip:p1;lr>");
  CHECK(ok.header("To") == "Bob <sip:bob@biloxi.com>;tag=ours");
  CHECK_FALSE(ok.has("Timestamp"));
  const auto trying = make_response(m, 100, "", "ours");
  CHECK(trying.to_tag() == "");
  CHECK(trying.header("Timestamp") == "54");
  CHECK_FALSE(make_response(m, 404).has("Record-Route"));
  CHECK(make_response(ok, 404).reason == "Not Found");
}

TEST_CASE(
    "transport: received and rport are stamped on the top Via [RFC 3261 18.2.1, RFC 3581 4]") {
  struct {
    std::string_view via, stamped;
    endpoint back;
  } const rows[] = {
      {"192.0.2.1:5070", "192.0.2.1:5070", {"192.0.2.1", 5070}},
      {"192.0.2.9", "192.0.2.9;received=192.0.2.1", {"192.0.2.1", 5060}},
      {"h.example.com:5070", "h.example.com:5070;received=192.0.2.1", {"192.0.2.1", 5070}},
      {"192.0.2.1;rport", "192.0.2.1;rport=4444;received=192.0.2.1", {"192.0.2.1", 4444}},
      {"h;rport;branch=x", "h;rport=4444;branch=x;received=192.0.2.1", {"192.0.2.1", 4444}},
      {"h;rport;rport", "h;rport=4444;rport;received=192.0.2.1", {"192.0.2.1", 4444}},
      {"192.0.2.1;received=6.6.6.6", "192.0.2.1", {"192.0.2.1", 5060}},
      {"h;maddr=224.0.1.75", "h;maddr=224.0.1.75;received=192.0.2.1", {"224.0.1.75", 5060}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.via);
    auto m = request("OPTIONS");
    m.set("Via", "SIP/2.0/UDP " + std::string{row.via} + ", SIP/2.0/UDP next");
    const auto bytes = to_bytes(m);
    message_view view;
    REQUIRE_FALSE(view.read(bytes));
    std::string stamped;
    REQUIRE(append_stamped(view, {"192.0.2.1", 4444}, stamped));
    CHECK(stamp_source(m, {"192.0.2.1", 4444}));
    CHECK(parse(stamped) == m);
    CHECK(m.header("Via") == "SIP/2.0/UDP " + std::string{row.stamped} + ", SIP/2.0/UDP next");
    CHECK(response_destination(*m.top_via()) == row.back);
  }
}

TEST_CASE("transport: whatever was short enough still is when it is stamped [RFC 3261 18.2.1]") {
  auto m = request("OPTIONS");
  std::string via = "SIP/2.0/UDP h;rport";
  for (std::size_t i = 1; i < params_max; ++i) via += ";p" + std::to_string(i);
  m.set("Via", via);
  const auto bytes = to_bytes(m);
  message_view view;
  REQUIRE_FALSE(view.read(bytes));
  REQUIRE_FALSE(check_message(view));
  std::string stamped;
  REQUIRE(append_stamped(view, {"192.0.2.1", 4444}, stamped));
  CHECK(parse(stamped).has_value());
  m.set("Via", via + ";one-more");
  CHECK_FALSE(parse(to_bytes(m)).has_value());
  m.set("Via", via + ";received=192.0.2.1;one-more");
  CHECK_FALSE(parse(to_bytes(m)).has_value());
}

TEST_CASE("message: whatever was short enough can be answered [RFC 3261 8.2.6.2]") {
  auto m = request("OPTIONS");
  std::string to = "<sip:a@b>";
  for (std::size_t i = 0; i < params_max; ++i) to += ";p" + std::to_string(i);
  m.set("To", to);
  REQUIRE(parse(to_bytes(m)).has_value());
  const auto answer = make_response(m, 486, "", "tag");
  CHECK(parse(to_bytes(answer)) == answer);
  m.set("To", to + ";one-more");
  CHECK_FALSE(parse(to_bytes(m)).has_value());
}

TEST_CASE("transport: a URI names its target without DNS [RFC 3263 4]") {
  struct {
    std::string_view uri;
    flow where;
  } const rows[] = {
      {"sip:a@h", {{"h", 5060}, transport::udp}},
      {"sip:a@h:7;transport=tcp", {{"h", 7}, transport::tcp}},
      {"sip:a@h;maddr=192.0.2.3", {{"192.0.2.3", 5060}, transport::udp}},
      {"sips:a@[2001:db8::1]", {{"2001:db8::1", 5061}, transport::tls}},
      {"sip:a@h;transport=ws", {{"h", 80}, transport::ws}},
  };
  for (const auto& row : rows) CHECK(target_of(*parse_uri(row.uri)) == row.where);
  CHECK_FALSE(target_of(*parse_uri("tel:+1")).has_value());
  CHECK_FALSE(target_of(*parse_uri("sip:a@h;transport=carrier-pigeon")).has_value());
}
