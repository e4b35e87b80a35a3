// Sequences of events into the transactions and the dialogs: two bytes an event. A snapshot taken
// at any moment goes on like the original, `terminated` is the last effect, and nothing follows it.
#include "protocol/core/codec.hpp"
#include "protocol/sip/dialog.hpp"
#include "protocol/sip/invite_client_transaction.hpp"
#include "protocol/sip/invite_server_transaction.hpp"
#include "protocol/sip/non_invite_client_transaction.hpp"
#include "protocol/sip/non_invite_server_transaction.hpp"
#include "protocol/sip/parser.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <array>
#include <string>

using namespace holdfast;
using namespace holdfast::sip;
using fuzz::promise;

namespace {

constexpr std::array methods = {"INVITE", "ACK", "BYE", "OPTIONS", "CANCEL", "UPDATE"};
constexpr std::array statuses = {100, 180, 183, 200, 202, 302, 401, 408, 481, 486, 503, 603};

message request(std::string_view method, unsigned variant) {
  const std::string name{method};
  const auto m = parse(name + " sip:bob@biloxi.com SIP/2.0\r\n"
                       + "Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n"
                         "Max-Forwards: 70\r\nTo: Bob <sip:bob@biloxi.com>"
                       + ((variant & 1) != 0 ? ";tag=bob" : "")
                       + "\r\nFrom: Alice <sip:alice@atlanta.com>;tag=alice\r\nCall-ID: a84b4c\r\n"
                         "CSeq: "
                       + std::to_string(variant * 7 % 19) + " " + name
                       + ((variant & 2) != 0 ? "\r\nContact: <sip:alice@192.0.2.7>" : "")
                       + ((variant & 4) != 0 ? "\r\nRecord-Route: <sip:p1;lr>, <sip:p2>" : "")
                       + "\r\nContent-Length: 0\r\n\r\n");
  return *m;
}

message response(std::string_view method, unsigned what) {
  auto m = make_response(request(method, what & 6), statuses[what % statuses.size()], "",
                         (what & 8) != 0 ? "bob" : "fork");
  if ((what & 16) != 0) m.add("Contact", "<sip:bob@192.0.2.4>");
  return m;
}

// Both go the same way; a restored copy takes the place of the original.
template <class Machine, class Event>
void step(Machine& m, const Event& e) {
  const bool over = m.state() == Machine::state_type::terminated;
  auto copy = decode<Machine>(encode(m));
  promise(copy && *copy == m, "restore(snapshot(x)) is x");
  const auto effects = m.on(e, instant{});
  promise(copy->on(e, instant{}) == effects && *copy == m, "a restored one goes the same way");
  promise(!over || effects.empty(), "nothing after the end");
  for (std::size_t i = 0; i < effects.size(); ++i)
    promise(std::holds_alternative<terminated>(effects[i])
                == (i + 1 == effects.size() && m.state() == Machine::state_type::terminated),
            "terminated is said once, last");
  m = std::move(*copy);
}

template <class Machine, class Event>
void drive(std::string_view method, bool server, bool reliable, const std::uint8_t* data,
           std::size_t size) {
  Machine m{request(method, 2), reliable};
  step(m, Event{start{}});
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    const unsigned what = data[i + 1];
    switch (data[i] % 5) {
    case 0:
      step(m, Event{timer_fired{static_cast<timer_name>(what % 13)}});
      break;
    case 1:
      step(m, Event{transport_failed{}});
      break;
    case 2:
      step(m, Event{from_network{
                  request(what % 2 == 0 ? method : methods[what % methods.size()], what)}});
      break;
    case 3:
      step(m, Event{start{}});
      break;
    default:
      if constexpr (std::is_constructible_v<Event, from_user>)
        step(m, Event{from_user{response(method, what)}});
      else if (!server)
        step(m, Event{from_network{response(method, what)}});
    }
  }
}

void drive_dialog(bool uas, const std::uint8_t* data, std::size_t size) {
  auto answer = response("INVITE", 27); // 200 with a Contact
  const auto invite = request("INVITE", 6);
  auto made = uas ? make_uas_dialog(invite, answer) : make_uac_dialog(invite, answer);
  if (!made) return;
  auto d = std::move(*made);
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    const unsigned what = data[i + 1];
    const auto method = methods[what % methods.size()];
    const auto before = d;
    switch (data[i] % 6) {
    case 0:
      if (d.on_request(request(method, what)))
        promise(d == before, "a refused request changes nothing");
      break;
    case 1:
      d.on_response(response(method, what));
      break;
    case 2: {
      const auto sent = d.make_request("INFO");
      promise(sent.cseq()->number > before.local_cseq, "our CSeq goes up");
      promise(d.matches_response(make_response(sent, 200)), "a response to it is ours");
      break;
    }
    case 3:
      d.reserve(what % 16);
      break;
    case 4:
      d.restart_at_ceiling();
      promise(d.local_cseq >= before.local_cseq, "never back");
      break;
    default:
      d.confirm();
    }
    promise(decode<dialog>(encode(d)) == d, "restore(snapshot(x)) is x");
  }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 256) return 0;
  const bool reliable = (data[0] & 8) != 0;
  switch (data[0] % 6) {
  case 0:
    drive<invite_client_transaction, invite_client_event>("INVITE", false, reliable, data + 1,
                                                          size - 1);
    break;
  case 1:
    drive<invite_server_transaction, invite_server_event>("INVITE", true, reliable, data + 1,
                                                          size - 1);
    break;
  case 2:
    drive<non_invite_client_transaction, non_invite_client_event>("OPTIONS", false, reliable,
                                                                  data + 1, size - 1);
    break;
  case 3:
    drive<non_invite_server_transaction, non_invite_server_event>("OPTIONS", true, reliable,
                                                                  data + 1, size - 1);
    break;
  default:
    drive_dialog(data[0] % 6 == 4, data + 1, size - 1);
  }
  return 0;
}
