// What a message must have, and how (RFC 3261 8.1.1, 8.2, 18.1.2): see message_view.hpp.
#include "protocol/sip/message_view.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>

namespace holdfast::sip {

namespace {

problem bad_request(std::string_view what) {
  return {"", what, 400};
}
problem malformed(std::string_view where, std::string_view what) {
  return {where, what, 400};
}

struct single_header {
  header_name name;
  bool mandatory;
  std::string_view missing, repeated;
};

constexpr std::array singles = {
    single_header{header_name::from, true, "no From", "more than one From"},
    single_header{header_name::to, true, "no To", "more than one To"},
    single_header{header_name::call_id, true, "no Call-ID", "more than one Call-ID"},
    single_header{header_name::cseq, true, "no CSeq", "more than one CSeq"},
    single_header{header_name::max_forwards, false, "", "more than one Max-Forwards"},
};

problem check_singles(const message_view& m) {
  for (const auto& s : singles) {
    if (s.mandatory && !m.has(s.name)) return bad_request(s.missing);
    if (m.has_several(s.name)) return bad_request(s.repeated);
  }
  return {};
}

problem check_request_uri(const message_view& m) {
  const auto target = view_uri(m.request_uri());
  if (!target) return malformed("Request-URI", target.error());
  // RFC 3261 19.1.1: headers are not allowed in a Request-URI.
  if (!target->headers.empty()) return bad_request("Request-URI with headers");
  return {};
}

problem check_vias(const message_view& m) {
  if (!m.has(header_name::via)) return bad_request("no Via");
  problem bad;
  std::size_t depth = 0;
  m.each_value(header_name::via, [&](std::string_view value) {
    if (++depth > via_depth_max)
      bad = bad_request("too many Via");
    else if (const auto v = view_via(value); !v)
      bad = bad_request(v.error());
    return !bad;
  });
  if (!bad && m.has_empty(header_name::via)) return bad_request("empty Via");
  return bad;
}

problem check_addresses(const message_view& m, header_name name, bool may_be_wildcard) {
  problem bad;
  m.each_value(name, [&](std::string_view value) {
    const auto parsed = view_name_addr(value);
    if (!parsed)
      bad = malformed(to_string(name), parsed.error());
    else if (parsed->wildcard && !may_be_wildcard)
      bad = malformed(to_string(name), "no address");
    return !bad;
  });
  return bad;
}

bool is_call_id(std::string_view s) {
  const auto is_word = [](std::string_view w) {
    return !w.empty()
           && std::all_of(w.begin(), w.end(), [](char c) { return text::is(c, text::word_char); });
  };
  const auto at = s.find('@');
  return is_word(s.substr(0, at)) && (at == std::string_view::npos || is_word(s.substr(at + 1)));
}

problem check_numbers(const message_view& m) {
  if (!is_call_id(m.call_id())) return bad_request("malformed Call-ID");
  const auto number = m.cseq();
  if (!number) return bad_request(number.error());
  if (m.is_request() && number->method != m.method())
    return bad_request("CSeq of another method"); // RFC 3261 8.1.1.5
  if (m.has(header_name::max_forwards) && !m.max_forwards())
    return bad_request("malformed Max-Forwards");
  return {};
}

problem first_problem(const message_view& m) {
  if (m.is_request())
    if (auto bad = check_request_uri(m)) return bad;
  if (auto bad = check_singles(m)) return bad;
  if (auto bad = check_vias(m)) return bad;
  for (const auto name : {header_name::from, header_name::to, header_name::contact,
                          header_name::route, header_name::record_route})
    if (auto bad = check_addresses(m, name, name == header_name::contact)) return bad;
  return check_numbers(m);
}

} // namespace

problem check_message(const message_view& m) {
  auto bad = first_problem(m);
  if (!m.is_request()) bad.status = 0; // nobody answers a response
  return bad;
}

} // namespace holdfast::sip
