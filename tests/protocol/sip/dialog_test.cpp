#include "protocol/core/codec.hpp"
#include "protocol/sip/dialog.hpp"
#include "tests/protocol/sip/sip_test.hpp"

using namespace holdfast;
using namespace holdfast::sip;
using namespace holdfast::sip::test;

namespace {

// An INVITE with its route and the answer of bob@192.0.2.4.
struct exchange {
  message invite = request("INVITE");
  message answer(int status) const {
    auto m = make_response(invite, status, "", "a6c85cf");
    if (status < 300) m.set("Contact", "<sip:bob@192.0.2.4>");
    return m;
  }
};

exchange routed(std::string_view record_routes) {
  exchange e;
  e.invite.set("Record-Route", std::string{record_routes});
  return e;
}

message from_bob(std::string_view method, int number) {
  auto m = request(method, "z9hG4bKbob");
  m.set("From", "Bob <sip:bob@biloxi.com>;tag=a6c85cf");
  m.set("To", "Alice <sip:alice@atlanta.com>;tag=1928301774");
  m.set("CSeq", std::to_string(number) + " " + std::string{method});
  m.set("Contact", "<sip:bob@192.0.2.5>");
  return m;
}

} // namespace

TEST_CASE("dialog: the caller's side of a 2xx [RFC 3261 12.1.2]") {
  const auto e = routed("<sip:p2;lr>, <sip:p1;lr>");
  const auto d = make_uac_dialog(e.invite, e.answer(200));
  REQUIRE(d.has_value());
  CHECK(d->state == dialog_state::confirmed);
  CHECK(d->call_id == "a84b4c76e66710@pc33.atlanta.com");
  CHECK(d->local_tag == "1928301774");
  CHECK(d->remote_tag == "a6c85cf");
  CHECK(d->local_uri == "sip:alice@atlanta.com");
  CHECK(d->remote_uri == "sip:bob@biloxi.com");
  CHECK(d->local_cseq == 314159);
  CHECK_FALSE(d->remote_cseq);
  CHECK(d->remote_target == "sip:bob@192.0.2.4");
  CHECK(d->route_set == row{"sip:p1;lr", "sip:p2;lr"});
  CHECK(d->next_hop() == "sip:p1;lr");
  CHECK_FALSE(d->secure);
  CHECK(decode<dialog>(encode(*d)) == *d);
}

TEST_CASE("dialog: the callee's side has the route set in order [RFC 3261 12.1.1]") {
  const auto e = routed("<sip:p2;lr>, <sip:p1;lr>");
  auto d = make_uas_dialog(e.invite, e.answer(180));
  REQUIRE(d.has_value());
  CHECK(d->state == dialog_state::early);
  CHECK(d->local_tag == "a6c85cf");
  CHECK(d->remote_tag == "1928301774");
  CHECK(d->remote_cseq == 314159U);
  CHECK(d->local_cseq == 0);
  CHECK(d->remote_target == "sip:alice@pc33.atlanta.com");
  CHECK(d->route_set == row{"sip:p2;lr", "sip:p1;lr"});
  d->confirm();
  CHECK(d->state == dialog_state::confirmed);
  CHECK(decode<dialog>(encode(*d)) == *d);
}

TEST_CASE("dialog: none without a tag or a Contact") {
  const exchange e;
  CHECK_FALSE(make_uac_dialog(e.invite, make_response(e.invite, 180)).has_value());
  CHECK_FALSE(make_uac_dialog(e.invite, e.answer(486)).has_value());
  CHECK_FALSE(make_uac_dialog(e.invite, e.answer(100)).has_value());
  CHECK_FALSE(make_uac_dialog(e.invite, make_response(e.invite, 200, "", "x")).has_value());
  CHECK(make_uac_dialog(e.invite, make_response(e.invite, 180, "", "x")).has_value());
  auto anonymous = e;
  anonymous.invite.remove("Contact");
  CHECK_FALSE(make_uas_dialog(anonymous.invite, e.answer(200)).has_value());
}

TEST_CASE("dialog: an RFC 2543 caller without From-tag and Contact is called back by its From "
          "[RFC 4475 3.4.1]") {
  const exchange e;
  auto old = e.invite;
  old.remove("Contact");
  old.set("From", "<sip:+13035551111@ift.client.example.net;user=phone>");
  const auto d = make_uas_dialog(old, make_response(old, 200, "", "ours"));
  REQUIRE(d.has_value());
  CHECK(d->remote_target == "sip:+13035551111@ift.client.example.net;user=phone");
  CHECK(d->remote_tag.empty());
}

TEST_CASE("dialog: a request through loose and strict routers [RFC 3261 12.2.1.1]") {
  const exchange e;
  auto d = *make_uac_dialog(e.invite, e.answer(200));
  d.remote_target = "sip:user@remoteua";
  struct {
    row route_set;
    std::string_view request_uri;
    std::vector<std::string_view> routes;
  } const rows[] = {
      {{}, "sip:user@remoteua", {}},
      {{"sip:p1;lr", "sip:p2"}, "sip:user@remoteua", {"<sip:p1;lr>", "<sip:p2>"}},
      {{"sip:p1", "sip:p2", "sip:p3;lr", "sip:p4"},
       "sip:p1",
       {"<sip:p2>", "<sip:p3;lr>", "<sip:p4>", "<sip:user@remoteua>"}},
  };
  for (const auto& r : rows) {
    d.route_set = r.route_set;
    const auto bye = d.make_request("BYE");
    CHECK(bye.request_uri == r.request_uri);
    CHECK(bye.headers("Route") == r.routes);
  }
}

TEST_CASE(
    "dialog: a request carries the dialog, the next CSeq and nothing else [RFC 3261 12.2.1.1]") {
  const exchange e;
  auto d = *make_uac_dialog(e.invite, e.answer(200));
  CHECK(to_bytes(d.make_request("BYE"))
        == crlf("BYE sip:bob@192.0.2.4 SIP/2.0\n"
                "From: <sip:alice@atlanta.com>;tag=1928301774\n"
                "To: <sip:bob@biloxi.com>;tag=a6c85cf\n"
                "Call-ID: a84b4c76e66710@pc33.atlanta.com\n"
                "CSeq: 314160 BYE\n"
                "Content-Length: 0\n\n"));
  const auto ack = d.make_ack(314159);
  CHECK(ack.header("CSeq") == "314159 ACK");
  CHECK(ack.request_uri == "sip:bob@192.0.2.4");
  CHECK(d.local_cseq == 314160);
}

TEST_CASE("dialog: a lower CSeq is 500 and changes nothing; a gap is legal [RFC 3261 12.2.2]") {
  const exchange e;
  auto d = *make_uac_dialog(e.invite, e.answer(200));
  struct {
    std::string_view method;
    int number;
    std::optional<int> answer;
    std::string_view target;
  } const rows[] = {
      {"INFO", 10, std::nullopt, "sip:bob@192.0.2.4"},
      {"INFO", 20, std::nullopt, "sip:bob@192.0.2.4"},
      {"INVITE", 19, 500, "sip:bob@192.0.2.4"},
      {"ACK", 19, std::nullopt, "sip:bob@192.0.2.4"},
      {"INVITE", 20, std::nullopt, "sip:bob@192.0.2.5"},
      {"BYE", 21, std::nullopt, "sip:bob@192.0.2.5"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.number);
    const auto m = from_bob(r.method, r.number);
    CHECK(d.matches_request(m));
    CHECK(d.on_request(m) == r.answer);
    CHECK(d.remote_target == r.target);
  }
  CHECK(d.remote_cseq == 21U);
  d.terminate();
  CHECK(d.on_request(from_bob("BYE", 22)) == 481);
}

TEST_CASE(
    "dialog: the 2xx replaces the early route set, later ones do not [RFC 3261 13.2.2.4, 12.2]") {
  const auto e = routed("<sip:p1;lr>");
  auto d = *make_uac_dialog(e.invite, e.answer(180));
  CHECK(d.state == dialog_state::early);
  auto ok = e.answer(200);
  ok.set("Record-Route", "<sip:p9;lr>, <sip:p8;lr>");
  CHECK(d.matches_response(ok));
  d.on_response(ok);
  CHECK(d.state == dialog_state::confirmed);
  CHECK(d.route_set == row{"sip:p8;lr", "sip:p9;lr"});
  auto again = e.answer(200);
  again.set("Contact", "<sip:bob@192.0.2.7>");
  d.on_response(again);
  CHECK(d.route_set == row{"sip:p8;lr", "sip:p9;lr"});
  CHECK(d.remote_target == "sip:bob@192.0.2.7");
}

TEST_CASE("dialog: which final responses end it [RFC 3261 12.2.1.2, 12.3, 15.1.1]") {
  struct {
    std::string_view method;
    int status;
    bool early, ends;
  } const rows[] = {
      {"INVITE", 486, true, true},   {"INVITE", 488, false, false}, {"INVITE", 481, false, true},
      {"INFO", 408, false, true},    {"INFO", 500, false, false},   {"BYE", 200, false, true},
      {"BYE", 403, false, true},     {"BYE", 407, false, false},    {"UPDATE", 491, true, false},
      {"INVITE", 180, false, false},
  };
  for (const auto& r : rows) {
    CAPTURE(r.status);
    const exchange e;
    auto d = *make_uac_dialog(e.invite, e.answer(r.early ? 180 : 200));
    auto response = e.answer(r.status);
    response.set("CSeq", "314160 " + std::string{r.method});
    d.on_response(response);
    CHECK((d.state == dialog_state::terminated) == r.ends);
  }
}

TEST_CASE("dialog: restored, it starts above any CSeq it may have sent") {
  const exchange e;
  auto d = *make_uac_dialog(e.invite, e.answer(200));
  CHECK(d.reservation_used_up());
  d.reserve(2);
  CHECK_FALSE(d.reservation_used_up());
  auto restored = *decode<dialog>(encode(d));
  (void)d.make_request("INFO");
  const auto last = d.make_request("INFO");
  CHECK(d.reservation_used_up());
  restored.restart_at_ceiling();
  CHECK(restored.make_request("BYE").cseq()->number > last.cseq()->number);
}
