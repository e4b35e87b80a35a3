// The RFC 4475 torture messages, driven by their manifest. Here a message is judged as one element
// parses it: accepted, refused with a 4xx/5xx, or (a response) discarded. What depends on the role
// of the element is judged where the role is.
#include "tests/protocol/sip/sip_test.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

using namespace holdfast;
using namespace holdfast::sip;
using namespace holdfast::sip::test;

namespace {

// HOLDFAST_TORTURE, or ../shared/torture beside the checkout.
std::filesystem::path torture_folder() {
  if (const auto* named = std::getenv("HOLDFAST_TORTURE")) return named;
  return HOLDFAST_SOURCE_DIR "/../shared/torture";
}

std::string content(const std::filesystem::path& p) {
  std::ifstream in{p, std::ios::binary};
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::vector<std::string> columns(const std::string& line) {
  std::vector<std::string> out{""};
  for (const char c : line) {
    if (c == '\t')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

// Rows of a manifest below its first line.
std::vector<row> rows_of(const std::filesystem::path& file) {
  std::vector<row> out;
  std::ifstream in{file};
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) out.push_back(columns(line));
  return out;
}

std::map<std::string, row> manifest() {
  std::map<std::string, row> out;
  for (auto& cells : rows_of(torture_folder() / "manifest.tsv"))
    if (cells.size() > 5 && cells[0] == "rfc4475")
      out[std::filesystem::path{cells[1]}.stem().string()] = cells;
  return out;
}

bool available() {
  if (std::filesystem::exists(torture_folder() / "manifest.tsv")) return true;
  MESSAGE("no torture messages at " << torture_folder().string() << ": nothing asserted");
  return false;
}

parse_result parsed_file(const std::string& name) {
  return parse(content(torture_folder() / "rfc4475" / (name + ".dat")));
}

// Semantic rows of the manifest that are for the parser to refuse.
bool refused_by_parser(const std::string& name, const row& cells) {
  if (cells[4].starts_with("invalid")) return name != "baddate"; // "400 or ignore Date": ignored
  return name == "insuf" || name == "multi01" || name == "mcl01";
}

} // namespace

TEST_CASE("torture: accepted, refused or discarded as its verdict says [RFC 4475]") {
  if (!available()) return;
  const auto rows = manifest();
  CHECK(rows.size() >= 49);
  for (const auto& [name, cells] : rows) {
    CAPTURE(name);
    const auto m = parsed_file(name);
    if (!refused_by_parser(name, cells)) {
      CHECK_MESSAGE(m.has_value(), std::string{m ? "" : m.error().what});
      if (m) CHECK(parse(to_bytes(*m)) == *m);
      continue;
    }
    REQUIRE_FALSE(m.has_value());
    const auto answer = error_response(m.error());
    if (cells[4].find("response") != std::string::npos) {
      CHECK_FALSE(answer);
    } else {
      REQUIRE(answer);
      CHECK(answer->status == (name == "badvers" ? 505 : 400));
      CHECK(answer->header("Via") == m.error().partial->header("Via"));
    }
  }
}

TEST_CASE(
    "torture: a short tortuous INVITE is understood to the last parameter [RFC 4475 3.1.1.1]") {
  if (!available()) return;
  const auto m = parsed_file("wsinv");
  REQUIRE(m.has_value());
  CHECK(m->to_tag() == "1918181833n");
  CHECK(m->from_tag() == "98asjd8");
  CHECK(m->from()->display == R"(J Rosenberg \")");
  CHECK(m->max_forwards() == 68U);
  CHECK(m->cseq() == sip::cseq{9, "INVITE"});
  REQUIRE(m->headers("Via").size() == 3);
  CHECK(m->top_via()->branch() == "390skdjuw");
  CHECK(parse_via(m->headers("Via")[1])->host == "spindle.example.com");
  CHECK(parse_via(m->headers("Via")[2])->branch() == "z9hG4bK30239");
  CHECK(m->header("NewFangledHeader") == "newfangled value continued newfangled value");
  CHECK(m->header("UnknownHeaderWithUnusualValue") == ";;,,;;,;");
  CHECK(m->header("Subject") == "");
  CHECK(m->contacts()->at(0).q() == 330);
  CHECK(m->routes()->at(0).uri.param("unknownwith") == "value");
}

TEST_CASE("torture: particular facts of particular messages [RFC 4475]") {
  if (!available()) return;
  const auto intmeth = parsed_file("intmeth");
  CHECK(intmeth->method == "!interesting-Method0123456789_*+`.%indeed'~");
  CHECK(parse_uri(intmeth->request_uri)->host == "example.com");
  CHECK(parse_uri(intmeth->request_uri)->password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
  CHECK(intmeth->to()->display == std::string("BEL:\a NUL:\0 DEL:\x7f", 17));
  CHECK(intmeth->from_tag() == "_token~1'+`*%!-.");

  const auto esc02 = parsed_file("esc02");
  CHECK(esc02->method == "RE%47IST%45R");
  CHECK(esc02->contacts()->size() == 2);

  const auto escnull = parsed_file("escnull");
  CHECK(escnull->contacts()->size() == 2);
  CHECK_FALSE(equivalent(escnull->contacts()->at(0).uri, escnull->contacts()->at(1).uri));
  CHECK(canonical_aor(escnull->to()->uri) == "sip:null-%00-null@example.com");

  CHECK(parse_uri(parsed_file("semiuri")->request_uri)->user == "user;par=u%40example.net");
  CHECK(parsed_file("dblreq")->body.empty());
  CHECK(parsed_file("mpart01")->body.size() == 553);
  CHECK(parsed_file("longreq")->headers("Via").size() == 34);
  CHECK(parsed_file("transports")->headers("Via").size() == 5);
  CHECK(parsed_file("noreason")->reason.empty());
  CHECK(parsed_file("zeromf")->max_forwards() == 0U);
  CHECK(parsed_file("cparam01")->contacts()->at(0).params.at(0).name == "unknownparam");
  CHECK(parsed_file("cparam02")->contacts()->at(0).uri.has_param("unknownparam"));
  CHECK(parsed_file("regescrt")->contacts()->at(0).uri.headers
        == "Route=%3Csip:sip.example.com%3E");
  CHECK_FALSE(parsed_file("badbranch")->top_via()->has_magic_cookie());
  CHECK(parsed_file("inv2543")->from_tag().empty());
  CHECK_FALSE(parse_uri(parsed_file("unkscm")->request_uri)->is_sip());
}

TEST_CASE("torture: no truncation of any message crashes the parser") {
  if (!available()) return;
  for (const auto& [name, cells] : manifest()) {
    const auto bytes = content(torture_folder() / cells[1]);
    for (std::size_t n = 0; n < bytes.size(); n += 3) {
      const auto m = parse(std::string_view{bytes}.substr(0, n));
      if (m)
        CHECK(parse(to_bytes(*m)) == *m);
      else
        (void)error_response(m.error());
    }
  }
}

TEST_CASE("torture: IPv6 references where they belong, and 400 where they are missing [RFC 5118]") {
  const std::filesystem::path folder{HOLDFAST_SOURCE_DIR "/tests/protocol/sip/rfc5118"};
  const auto rows = rows_of(folder / "manifest.tsv");
  REQUIRE(rows.size() == 11);
  for (const auto& cells : rows) {
    CAPTURE(cells[0]);
    const auto m = parse(content(folder / (cells[0] + ".sip")));
    CHECK(m.has_value() == (cells[2] == "accept"));
    if (m)
      CHECK(parse(to_bytes(*m)) == *m);
    else
      CHECK(error_response(m.error())->status == 400);
  }
  const auto read = [&](const std::string& name) {
    return parse(content(folder / (name + ".sip"))).value();
  };
  CHECK(parse_uri(read("port-ambiguous").request_uri)->host == "2001:db8::10:5070");
  CHECK(parse_uri(read("port-ambiguous").request_uri)->port == 0);
  CHECK(parse_uri(read("port-unambiguous").request_uri)->port == 5070);
  CHECK(read("via-received-param-with-delim").top_via()->received() == "2001:db8::9:255");
  CHECK(read("via-received-param-no-delim").top_via()->received() == "2001:db8::9:255");
  CHECK(read("mult-ip-in-header").headers("Via").size() == 2);
}
