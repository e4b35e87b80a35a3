// What the tests of protocol/sip share: messages in one line per header, and the row-of-effects
// form.
#pragma once

#include "protocol/sip/parser.hpp"
#include "protocol/sip/transaction.hpp"
#include "protocol/sip/writer.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sip::test {

// "A\nB\n\nbody" with CRLF in place of each LF.
inline std::string crlf(std::string_view lines) {
  std::string out;
  for (const char c : lines) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

// Parses, or fails the test.
inline message parsed(std::string_view lines) {
  auto m = parse(crlf(lines));
  REQUIRE_MESSAGE(m.has_value(), std::string{m ? "" : m.error().what});
  return std::move(*m);
}

inline message request(std::string_view method, std::string_view branch = "z9hG4bK776asdhds") {
  const std::string name{method};
  return parsed(name + " sip:bob@biloxi.com SIP/2.0\n"
                + "Via: SIP/2.0/UDP pc33.atlanta.com;branch=" + std::string{branch} + "\n"
                + "Max-Forwards: 70\n"
                  "To: Bob <sip:bob@biloxi.com>\n"
                  "From: Alice <sip:alice@atlanta.com>;tag=1928301774\n"
                  "Call-ID: a84b4c76e66710@pc33.atlanta.com\n"
                  "CSeq: 314159 "
                + name + "\nContact: <sip:alice@pc33.atlanta.com>\nContent-Length: 0\n\n");
}

// One word per effect: "send INVITE", "up 200", "start A 500", "stop A", "timed out", "error",
// "end".
inline std::vector<std::string> words(const transaction_effects& effects) {
  std::vector<std::string> out;
  for (const auto& e : effects) {
    if (const auto* t = std::get_if<transmit>(&e)) {
      const auto m = parse(t->bytes);
      REQUIRE(m.has_value());
      out.push_back("send " + (m->is_request() ? m->method : std::to_string(m->status)));
    } else if (const auto* u = std::get_if<pass_up>(&e)) {
      out.push_back(
          "up "
          + (u->received.is_request() ? u->received.method : std::to_string(u->received.status)));
    } else if (const auto* s = std::get_if<start_timer>(&e)) {
      out.push_back("start " + std::string{to_string(s->timer)} + " "
                    + std::to_string(s->after / 1ms));
    } else if (const auto* p = std::get_if<stop_timer>(&e)) {
      out.push_back("stop " + std::string{to_string(p->timer)});
    } else if (std::holds_alternative<timed_out>(e)) {
      out.push_back("timed out");
    } else if (std::holds_alternative<transport_error>(e)) {
      out.push_back("error");
    } else {
      out.push_back("end");
    }
  }
  return out;
}

using row = std::vector<std::string>;

} // namespace holdfast::sip::test
