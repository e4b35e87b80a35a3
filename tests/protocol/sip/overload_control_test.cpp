#include "protocol/sip/overload_control.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace holdfast;
using namespace holdfast::sip;

namespace {

const instant start{1h};
const endpoint there{"192.0.2.7", 5060};

std::string request_via(const std::string& via) {
  return "INVITE sip:b@h SIP/2.0\r\nMax-Forwards: 70\r\nVia: " + via
         + "\r\nCall-ID: 1\r\n\r\nVia: no";
}
std::string response_via(const std::string& via) {
  return "SIP/2.0 200 OK\r\nVia: " + via + "\r\nCall-ID: 1\r\n\r\n";
}

void hear(neighbours& n, const std::string& params, instant now = start) {
  n.heard(there, parse_via("SIP/2.0/UDP us;branch=z9hG4bK1" + params).value(), now);
}

} // namespace

TEST_CASE("overload control: requests offer it in their top Via alone [RFC 7339 4.1]") {
  CHECK(offer_overload_control(request_via("SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b"))
        == request_via("SIP/2.0/UDP a;branch=z9hG4bK1;oc;oc-algo=\"loss\", SIP/2.0/UDP b"));
  const auto once = offer_overload_control(request_via("SIP/2.0/UDP a;branch=z9hG4bK1"));
  CHECK(offer_overload_control(once) == once);
  CHECK(offer_overload_control("INVITE sip:b@h SIP/2.0\r\n\r\nVia: x") // no Via in its head
        == "INVITE sip:b@h SIP/2.0\r\n\r\nVia: x");
}

TEST_CASE("overload control: who offered is asked to reduce, nobody else [RFC 7339 5.2]") {
  const auto offered = response_via("SIP/2.0/UDP a;branch=z9hG4bK1;oc;oc-algo=\"loss,rate\"");
  CHECK(ask_for_reduction(offered, 20, 500ms, start)
        == response_via("SIP/2.0/UDP a;branch=z9hG4bK1;oc=20;oc-algo=\"loss\";oc-validity=500;"
                        "oc-seq=3600.000"));
  CHECK(ask_for_reduction(offered, 0, 500ms, start)
        == response_via("SIP/2.0/UDP a;branch=z9hG4bK1;oc=0;oc-algo=\"loss\";oc-validity=0;"
                        "oc-seq=3600.000"));
  for (const auto* via :
       {"SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/UDP a;branch=z9hG4bK1;oc;oc-algo=\"rate\"",
        "SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;oc;oc-algo=\"loss\""}) {
    CAPTURE(via);
    CHECK(ask_for_reduction(response_via(via), 20, 500ms, start) == response_via(via));
  }
}

TEST_CASE("overload control: a neighbour's wish is kept for as long as it is valid") {
  neighbours n;
  hear(n, ";oc=100;oc-algo=\"loss\";oc-validity=1000;oc-seq=1.0");
  CHECK(n.sheds(there, 99, start));
  CHECK(n.sheds(there, 0, start + 999ms));
  CHECK_FALSE(n.sheds(there, 0, start + 1s));
  CHECK_FALSE(n.sheds({"192.0.2.8", 5060}, 0, start));
  hear(n, ";oc=100"); // 500 ms without validity [RFC 7339 4.3]
  CHECK_FALSE(n.sheds(there, 0, start + 1100ms));
}

TEST_CASE("overload control: as many are held back as were asked for") {
  neighbours n;
  hear(n, ";oc=30;oc-validity=5000;oc-seq=1");
  int shed = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) shed += n.sheds(there, i, start) ? 1 : 0;
  CHECK(shed == 300);
}

TEST_CASE("overload control: what came late, ends it or is not understood [RFC 7339 4.3, 4.4]") {
  neighbours n;
  hear(n, ";oc=50;oc-validity=5000;oc-seq=10.5");
  hear(n, ";oc=0;oc-validity=5000;oc-seq=10.4"); // older
  CHECK(n.sheds(there, 49, start));
  hear(n, ";oc;oc-seq=11"); // our own offer, unanswered
  hear(n, ";oc=10;oc-algo=\"rate\";oc-seq=11");
  CHECK(n.sheds(there, 49, start));
  hear(n, ";oc=50;oc-validity=0;oc-seq=12");
  CHECK_FALSE(n.sheds(there, 0, start));
  CHECK(n.size() == 0);
}

TEST_CASE("overload control: the table of neighbours has a bound") {
  neighbours n;
  const auto via = parse_via("SIP/2.0/UDP us;oc=50;oc-validity=5000").value();
  for (std::uint16_t port = 1; port <= 2 * neighbours::neighbours_max; ++port)
    n.heard({"192.0.2.7", port}, via, start + duration{port});
  CHECK(n.size() == neighbours::neighbours_max);
  CHECK(n.sheds({"192.0.2.7", 2 * neighbours::neighbours_max}, 0, start));
}
