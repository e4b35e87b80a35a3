// A SIP request or response as a value (RFC 3261 section 7). Header fields stay text in their
// order; the accessors take apart what a caller needs, so that what nobody looks at passes through
// byte for byte (folded lines joined by one space).
#pragma once

#include "protocol/core/result.hpp"
#include "protocol/sip/name_addr.hpp"
#include "protocol/sip/via.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::sip {

struct cseq {
  std::uint32_t number = 0;
  std::string method;

  friend bool operator==(const cseq&, const cseq&) = default;
};

[[nodiscard]] std::string to_string(const cseq& c);

// Known names have their usual spelling ("Call-ID"), compact forms are written out; an unknown name
// is as it came. Content-Length is never here: the body says it, to_bytes() writes it.
struct header_field {
  std::string name;
  std::string value;

  friend bool operator==(const header_field&, const header_field&) = default;
};

struct message {
  std::string method;      // request
  std::string request_uri; // request; text as it came
  int status = 0;          // response: 100..699
  std::string reason;      // response
  std::vector<header_field> fields;
  std::string body;

  [[nodiscard]] bool is_request() const { return status == 0; }
  [[nodiscard]] bool is_response() const { return status != 0; }
  [[nodiscard]] bool is(std::string_view request_method) const { return method == request_method; }

  // Names are compared without regard to case; compact forms are understood too.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const; // first line
  [[nodiscard]] bool has(std::string_view name) const { return header(name).has_value(); }
  // All values in order, comma lists taken apart where the header is a list (Via, Route, Contact,
  // Supported, ...); commas in quotes and <> do not count. Views into this message.
  [[nodiscard]] std::vector<std::string_view> headers(std::string_view name) const;

  void set(std::string_view name, std::string value);     // one line in place of all of that name
  void add(std::string_view name, std::string value);     // at the end
  void prepend(std::string_view name, std::string value); // above all others of that name
  void remove(std::string_view name);
  bool remove_first(std::string_view name); // the first value, of a comma list too; false: none
  bool replace_first(std::string_view name, std::string_view value); // likewise; false: none

  [[nodiscard]] result<via> top_via() const;
  [[nodiscard]] result<sip::cseq> cseq() const;
  [[nodiscard]] std::string call_id() const; // "" when absent
  [[nodiscard]] result<name_addr> from() const;
  [[nodiscard]] result<name_addr> to() const;
  [[nodiscard]] std::string from_tag() const; // "" when absent or unreadable
  [[nodiscard]] std::string to_tag() const;
  [[nodiscard]] result<std::vector<name_addr>> contacts() const;
  [[nodiscard]] result<std::vector<name_addr>> routes() const;
  [[nodiscard]] result<std::vector<name_addr>> record_routes() const;
  [[nodiscard]] std::optional<std::uint32_t> max_forwards() const;
  [[nodiscard]] std::optional<std::uint32_t>
  expires() const; // more than 32 bits: the largest value
  [[nodiscard]] std::size_t content_length() const { return body.size(); }

  // Gives To a tag where it has none (RFC 3261 8.2.6.2); unreadable To: untouched.
  void set_to_tag(std::string_view tag);

  friend bool operator==(const message&, const message&) = default;
};

template <class F>
void describe(F& f, header_field& x) {
  f(1, x.name);
  f(2, x.value);
}
template <class F>
void describe(F& f, message& x) {
  f(1, x.method);
  f(2, x.request_uri);
  f(3, x.status);
  f(4, x.reason);
  f(5, x.fields);
  f(6, x.body);
}

// RFC 3261 21; "Unknown" for a code nobody has registered.
[[nodiscard]] std::string_view default_reason(int status);

// RFC 3261 8.2.6: Via, From, To, Call-ID, CSeq of the request; Timestamp into a 100 (8.2.6.1);
// Record-Route into a 1xx above 100 and a 2xx of a dialog-forming request (12.1.1). `to_tag` is
// added where To has none and the status is not 100. Contact and body are the caller's.
[[nodiscard]] message make_response(const message& request, int status,
                                    std::string_view reason = "", std::string_view to_tag = "");

// The usual spelling: "call-id", "i" -> "Call-ID"; unknown names unchanged.
[[nodiscard]] std::string canonical_header_name(std::string_view name);

// Is this header a comma-separated list (RFC 3261 7.3.1)?
[[nodiscard]] bool is_list_header(std::string_view name);

// Takes a comma list apart: outside quotes and <>; values trimmed, empty ones kept.
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view value);

} // namespace holdfast::sip
