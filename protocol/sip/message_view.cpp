#include "protocol/sip/message_view.hpp"

#include "protocol/sip/scanner.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace holdfast::sip {

namespace {

constexpr std::string_view version = "SIP/2.0";
constexpr std::string_view end_of_request_line = " SIP/2.0";

// The first thing that was wrong stays.
void reject(problem& bad, std::string_view what, int status = 400) {
  if (!bad) bad = {"", what, status};
}

std::string_view without_keep_alives(std::string_view in) {
  while (in.size() >= 2 && in[0] == '\r' && in[1] == '\n') in.remove_prefix(2); // RFC 3261 7.5
  return in;
}

bool is_noise(std::string_view in) {
  return in.find_first_not_of(std::string_view{"\r\n\0 \t", 5}) == std::string_view::npos;
}

#ifdef __SSE2__
constexpr std::ptrdiff_t block_size = 16;

__m128i block_at(const char* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

// A bit for each byte of the block that is `c`.
__m128i where(__m128i block, char c) {
  return _mm_cmpeq_epi8(block, _mm_set1_epi8(c));
}
unsigned bits(__m128i marks) {
  return static_cast<unsigned>(_mm_movemask_epi8(marks));
}
#endif

// The first CR or LF; `end`: there is none.
inline const char* find_break(const char* p, const char* end) {
#ifdef __SSE2__
  for (; end - p >= block_size; p += block_size) {
    const auto block = block_at(p);
    const auto breaks = bits(_mm_or_si128(where(block, '\r'), where(block, '\n')));
    if (breaks != 0) return p + std::countr_zero(breaks);
  }
#endif
  while (p != end && *p != '\r' && *p != '\n') ++p;
  return p;
}

// The CRLF at or behind `p`; nullptr: there is none. A lone CR or LF on the way sets `bare`.
inline const char* find_line_end(const char* p, const char* end, bool& bare) {
  for (p = find_break(p, end); end - p >= 2; p = find_break(p + 1, end)) {
    if (p[0] == '\r' && p[1] == '\n') return p;
    bare = true;
  }
  return nullptr;
}

// The first ':' of a line; `end`: there is none. Behind the line there is more to read, its CRLF at
// least.
inline const char* find_colon(const char* p, const char* end, const char* end_of_bytes) {
#ifdef __SSE2__
  if (end_of_bytes - p >= block_size) { // most names are shorter
    const auto colons = bits(where(block_at(p), ':'));
    if (colons != 0) return std::min(p + std::countr_zero(colons), end);
    p += block_size;
  }
#endif
  while (p < end && *p != ':') ++p;
  return std::min(p, end);
}

} // namespace

std::string problem::text() const {
  if (where.empty()) return std::string{what};
  return "malformed " + std::string{where} + ": " + std::string{what};
}

// ---- one pass ----------------------------------------------------------------------------------

// Lines of header fields as they are found.
struct message_view::reading {
  message_view& m;
  problem& bad;
  const char* const bytes;
  const char* const end;                              // of the bytes
  std::array<std::uint16_t, header_names_known> last; // where first_ is set
  std::size_t lines = 0;
  bool may_fold = false; // the line before was a header field

  reading(message_view& of, problem& found)
      : m{of}, bad{found}, bytes{of.bytes_.data()}, end{bytes + of.bytes_.size()} {}

  // A line that is not empty. Inlined, and what is rare is not: half of what reading a message
  // costs.
  [[gnu::always_inline]] void take(const char* line, const char* line_end, bool bare) {
    if (bare) return drop("bare CR or LF in a header");
    if (*line == ' ' || *line == '\t') return fold(line_end);
    if (line_end - line > static_cast<std::ptrdiff_t>(header_size_max))
      return drop("header too long");
    const auto* colon = find_colon(line, line_end, end);
    if (colon == line_end) return drop("malformed header");
    std::string_view name{line, static_cast<std::size_t>(colon - line)};
    auto known = header_name_of(name); // a known name is a token
    if (known == header_name::unknown && !name_again(name, known)) return drop("malformed header");
    add(name, known, colon + 1, line_end);
  }

  // Blanks may stand before the ':'. False: that is no name.
  [[gnu::noinline]] static bool name_again(std::string_view& name, header_name& known) {
    while (!name.empty() && text::is_blank(name.back())) name.remove_suffix(1);
    known = header_name_of(name);
    return text::is_token(name);
  }

  [[gnu::noinline]] void drop(std::string_view what) {
    reject(bad, what);
    may_fold = false;
  }

  [[gnu::noinline]] void fold(const char* line_end) {
    if (!may_fold) return reject(bad, "folded line without a header before it");
    auto& l = m.lines_[m.count_ - 1];
    if (line_end - bytes - l.name_at > static_cast<std::ptrdiff_t>(header_size_max))
      return drop("header too long");
    // An empty first line begins where its continuation does.
    set_value(l, bytes + l.value_at, line_end);
  }

  void add(std::string_view name, header_name known, const char* value, const char* line_end) {
    const auto here = static_cast<std::uint16_t>(m.count_++);
    auto& l = m.lines_[here];
    l.name_at = static_cast<std::uint16_t>(name.data() - bytes);
    l.name_size = static_cast<std::uint16_t>(name.size());
    l.known = known;
    l.next = none;
    set_value(l, value, line_end);
    may_fold = true;
    if (known == header_name::unknown) return;
    const auto k = static_cast<std::size_t>(known);
    if (m.first_[k] == none)
      m.first_[k] = here;
    else
      m.lines_[last[k]].next = here;
    last[k] = here;
  }

  void set_value(entry& l, const char* begin, const char* line_end) const {
    while (begin != line_end && text::is_blank(*begin)) ++begin;
    while (line_end != begin && text::is_blank(line_end[-1])) --line_end;
    l.value_at = static_cast<std::uint16_t>(begin - bytes);
    l.value_size = static_cast<std::uint16_t>(line_end - begin);
  }
};

problem message_view::read(std::string_view in) {
  bytes_ = without_keep_alives(in);
  method_ = request_uri_ = reason_ = body_ = {};
  status_ = 0;
  response_ = false;
  count_ = 0;
  first_.fill(none);
  if (is_noise(bytes_.substr(0, 1)) && is_noise(bytes_)) return {"", "nothing but a keep-alive", 0};
  problem bad;
  if (bytes_.size() > message_size_max) {
    reject(bad, "message too large", 513);
    bytes_ = bytes_.substr(0, message_size_max);
  }
  reading r{*this, bad};
  bool bare = false;
  const auto* line = r.bytes;
  const auto* line_end = find_line_end(line, r.end, bare);
  if (line_end == nullptr) return {"", "no start line", 0};
  if (bare) reject(bad, "bare CR or LF in the start line");
  read_start_line({line, static_cast<std::size_t>(line_end - line)}, bad);
  for (;;) {
    line = line_end + 2;
    bare = false;
    line_end = find_line_end(line, r.end, bare);
    if (line_end == nullptr) {
      reject(bad, "no empty line behind the headers");
      return found(bad);
    }
    if (line_end == line) break;
    if (count_ == headers_max || ++r.lines > 4 * headers_max) {
      reject(bad, "too many headers");
      return found(bad);
    }
    r.take(line, line_end, bare);
  }
  read_body(static_cast<std::size_t>(line_end + 2 - r.bytes), bad);
  return found(bad);
}

// Nobody answers a response, nor what has not even a method.
problem message_view::found(problem bad) const {
  if (bad && (response_ || method_.empty())) bad.status = 0;
  return bad;
}

void message_view::read_status_line(std::string_view line, problem& bad) {
  response_ = true;
  // SIP-Version SP 3DIGIT SP Reason-Phrase; the last SP is often forgotten with an empty phrase.
  if (line.size() < version.size() + 4 || !text::same(line.substr(0, version.size()), version)
      || line[version.size()] != ' ')
    return reject(bad, "malformed status line");
  const auto code = text::to_number(line.substr(version.size() + 1, 3), 699);
  const auto rest = line.substr(version.size() + 4);
  if (!code || *code < 100 || (!rest.empty() && rest.front() != ' '))
    return reject(bad, "malformed status code");
  status_ = static_cast<int>(*code);
  reason_ = rest.empty() ? rest : rest.substr(1);
}

void message_view::read_request_line(std::string_view line, problem& bad) {
  text::scanner s{line};
  const auto method = s.run(text::token_char);
  if (method.empty() || (!s.done() && !s.sees(' '))) return reject(bad, "malformed method");
  method_ = method;
  // Method SP Request-URI SP SIP-Version: what is wrong between the outer two, the URI is to say.
  const bool ends_well = line.ends_with(end_of_request_line);
  const auto last = ends_well ? line.size() - end_of_request_line.size() : line.rfind(' ');
  if (s.done() || last <= method.size()) return reject(bad, "malformed request line");
  request_uri_ = line.substr(method.size() + 1, last - method.size() - 1);
  const auto spoken = line.substr(last + 1);
  if (!ends_well && !text::same(spoken, version)) {
    const bool other = text::same(spoken.substr(0, 4), "SIP/");
    reject(bad, other ? "unknown SIP version" : "malformed request line", other ? 505 : 400);
  }
}

void message_view::read_start_line(std::string_view line, problem& bad) {
  if (line.size() > start_line_size_max) return reject(bad, "start line too long", 414);
  if (text::same(line.substr(0, 4), "SIP/"))
    read_status_line(line, bad);
  else
    read_request_line(line, bad);
}

// RFC 3261 20.14.
void message_view::read_body(std::size_t at, problem& bad) {
  const auto rest = bytes_.substr(at);
  const auto said = header(header_name::content_length);
  if (!said) {
    body_ = rest;
    return;
  }
  if (has_several(header_name::content_length)) return reject(bad, "more than one Content-Length");
  const auto length = text::to_number(*said, message_size_max);
  if (!length) return reject(bad, "malformed Content-Length");
  if (*length > rest.size()) return reject(bad, "Content-Length beyond the end of the message");
  body_ = rest.substr(0, static_cast<std::size_t>(*length));
  bytes_ = bytes_.substr(0, at + body_.size());
}

// ---- what was asked for ------------------------------------------------------------------------

message_view::header_line message_view::operator[](std::size_t i) const {
  const auto& l = lines_[i];
  return {bytes_.substr(l.name_at, l.name_size), value_of(l), l.known};
}

std::optional<std::string_view> message_view::header(header_name name) const {
  const auto i = first(name);
  if (i == none) return std::nullopt;
  return value_of(lines_[i]);
}

std::optional<std::string_view> message_view::header(std::string_view name) const {
  if (const auto known = header_name_of(name); known != header_name::unknown) return header(known);
  for (std::size_t i = 0; i < count_; ++i)
    if (const auto l = (*this)[i]; text::same(l.name, name)) return l.value;
  return std::nullopt;
}

bool message_view::has_several(header_name name) const {
  const auto i = first(name);
  return i != none && lines_[i].next != none;
}

bool message_view::has_empty(header_name name) const {
  for (auto i = first(name); i != none; i = lines_[i].next)
    if (lines_[i].value_size == 0) return true;
  return false;
}

std::string_view message_view::first_value(header_name name) const {
  std::string_view out;
  each_value(name, [&](std::string_view value) {
    out = value;
    return false;
  });
  return out;
}

decoded<cseq_view> view_cseq(std::string_view value) {
  cseq_view out;
  text::scanner s{value};
  if (!s.take_number(out.number, std::numeric_limits<std::uint32_t>::max()) || !s.sees_blank())
    return wrong("malformed CSeq");
  s.skip_blanks();
  out.method = s.run(text::token_char);
  s.skip_blanks();
  if (out.method.empty() || !s.done()) return wrong("malformed CSeq");
  return out;
}

decoded<via_view> message_view::top_via() const {
  if (!has(header_name::via)) return wrong("no Via");
  return view_via(first_value(header_name::via));
}

decoded<cseq_view> message_view::cseq() const {
  const auto value = header(header_name::cseq);
  if (!value) return wrong("no CSeq");
  return view_cseq(*value);
}

std::string_view message_view::call_id() const {
  return header(header_name::call_id).value_or("");
}

decoded<name_addr_view> message_view::from() const {
  const auto value = header(header_name::from);
  if (!value) return wrong("no From");
  return view_name_addr(*value);
}

decoded<name_addr_view> message_view::to() const {
  const auto value = header(header_name::to);
  if (!value) return wrong("no To");
  return view_name_addr(*value);
}

std::string_view message_view::from_tag() const {
  return tag_of(header(header_name::from).value_or(""));
}

std::string_view message_view::to_tag() const {
  return tag_of(header(header_name::to).value_or(""));
}

std::optional<std::uint32_t> message_view::max_forwards() const {
  const auto number = text::to_number_saturated(header(header_name::max_forwards).value_or(""));
  if (!number) return std::nullopt;
  return std::min(*number, 255U); // RFC 3261 20.22: an integer in 0..255
}

} // namespace holdfast::sip
