// A SIP message where it stands in its buffer: one pass makes an index of the header fields, and a
// field is decoded when somebody asks for it. Nothing is copied and nothing allocated, whatever the
// message. message.hpp is what a caller keeps or changes; this is what every byte from the network
// goes through first.
//
//   INVITE sip:b@c SIP/2.0 | Via: ... | f: ... | X-Odd: ... | | v=0 ...
//   ^method ^request_uri     ^line 0    ^line 1   ^line 2       ^body
//                            chained by name: the second Via is found without a search
#pragma once

#include "protocol/sip/header_names.hpp"
#include "protocol/sip/name_addr_view.hpp"
#include "protocol/sip/via_view.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::sip {

inline constexpr std::size_t message_size_max = 65535;
inline constexpr std::size_t headers_max = 256;
inline constexpr std::size_t header_size_max = 8192; // name and value, folds included
inline constexpr std::size_t start_line_size_max = 8192;
inline constexpr std::size_t via_depth_max = 128; // more hops than Max-Forwards 70 allows

// What is wrong with a message. Literals: saying so allocates nothing.
struct problem {
  std::string_view where; // "From"; "" for the message as a whole
  std::string_view what;  // "": nothing is wrong
  int status = 0;         // what to answer; 0: nothing to answer (keep-alive, noise, a response)

  explicit operator bool() const { return !what.empty(); }
  [[nodiscard]] std::string text() const; // "malformed From: URI without a scheme"
};

struct cseq_view {
  std::uint32_t number = 0;
  std::string_view method;
};

[[nodiscard]] decoded<cseq_view> view_cseq(std::string_view text);

class message_view {
public:
  struct header_line {
    std::string_view name;  // as it came
    std::string_view value; // trimmed; folds (CRLF and blanks) still in it
    header_name known = header_name::unknown;
  };

  // Indexes `bytes`, which outlive this view. Bytes behind Content-Length are ignored (RFC 3261
  // 18.3); too few are a problem. After a problem the view holds what could be read, so that it can
  // be answered. Checks only what the index is made of; see check_message() for the rest.
  problem read(std::string_view bytes);

  [[nodiscard]] bool is_request() const { return status_ == 0 && !response_; }
  [[nodiscard]] bool is(std::string_view request_method) const { return method_ == request_method; }
  [[nodiscard]] std::string_view method() const { return method_; }
  [[nodiscard]] std::string_view request_uri() const { return request_uri_; }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] std::string_view reason() const { return reason_; }
  [[nodiscard]] std::string_view body() const { return body_; }
  // From the start line to the end of the body: what is to be passed on.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

  [[nodiscard]] std::size_t size() const { return count_; } // header lines
  [[nodiscard]] header_line operator[](std::size_t i) const;

  // The first line of that name.
  [[nodiscard]] std::optional<std::string_view> header(header_name name) const;
  [[nodiscard]] bool has(header_name name) const { return first(name) != none; }
  [[nodiscard]] bool has_several(header_name name) const; // lines
  [[nodiscard]] bool has_empty(header_name name) const;   // a line without a value
  // Unknown names; any case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;

  // f(value) for each value in order, comma lists taken apart; it returns whether to go on.
  template <class F>
  void each_value(header_name name, F f) const {
    const bool list = is_list_header(name);
    for (auto i = first(name); i != none; i = lines_[i].next) {
      auto value = value_of(lines_[i]);
      if (!list) {
        if (!f(value)) return;
        continue;
      }
      list_cursor cursor{value};
      for (bool more = !value.empty() && cursor.next(value); more; more = cursor.next(value))
        if (!f(value)) return;
    }
  }

  // The first value of a list, or the whole of the first line. "": none.
  [[nodiscard]] std::string_view first_value(header_name name) const;

  [[nodiscard]] decoded<via_view> top_via() const;
  [[nodiscard]] decoded<cseq_view> cseq() const;
  [[nodiscard]] std::string_view call_id() const; // "" when absent
  [[nodiscard]] decoded<name_addr_view> from() const;
  [[nodiscard]] decoded<name_addr_view> to() const;
  [[nodiscard]] std::string_view from_tag() const; // "" when absent or unreadable
  [[nodiscard]] std::string_view to_tag() const;
  [[nodiscard]] std::optional<std::uint32_t> max_forwards() const;

private:
  static constexpr std::uint16_t none = 0xffff;

  // Offsets into bytes_: 16 bits reach the end of the largest message.
  struct entry {
    std::uint16_t name_at, name_size;
    std::uint16_t value_at, value_size;
    std::uint16_t next; // line of the same known name
    header_name known;
  };

  struct reading;

  [[nodiscard]] std::uint16_t first(header_name name) const {
    return first_[static_cast<std::size_t>(name)];
  }
  [[nodiscard]] std::string_view value_of(const entry& l) const {
    return bytes_.substr(l.value_at, l.value_size);
  }
  void read_start_line(std::string_view line, problem& bad);
  void read_status_line(std::string_view line, problem& bad);
  void read_request_line(std::string_view line, problem& bad);
  void read_body(std::size_t at, problem& bad);
  [[nodiscard]] problem found(problem bad) const;

  std::string_view bytes_;
  std::string_view method_, request_uri_, reason_, body_;
  int status_ = 0;
  bool response_ = false;
  std::size_t count_ = 0;
  std::array<std::uint16_t, header_names_known + 1> first_;
  std::array<entry, headers_max> lines_; // the first count_ are set
};

// What every element relies on, and no further: one each of From, To, Call-ID and CSeq, readable; a
// Via, and all of them readable; addresses in Contact, Route and Record-Route; a CSeq that fits the
// method; Max-Forwards and Content-Length numbers. After it a message can be answered, matched and
// routed without further checks.
[[nodiscard]] problem check_message(const message_view& m);

} // namespace holdfast::sip
