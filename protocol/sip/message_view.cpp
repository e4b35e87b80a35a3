#include "protocol/sip/message_view.hpp"

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
constexpr std::size_t block_size = 16;

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

// The CRLF at or behind `at`; npos: there is none. A lone CR or LF on the way sets `bare`.
std::size_t find_line_end(std::string_view in, std::size_t at, bool& bare) {
#ifdef __SSE2__
  while (at + block_size < in.size()) {
    const auto block = block_at(in.data() + at);
    const auto breaks = bits(_mm_or_si128(where(block, '\r'), where(block, '\n')));
    if (breaks == 0) {
      at += block_size;
      continue;
    }
    at += static_cast<std::size_t>(std::countr_zero(breaks));
    if (in[at] == '\r' && in[at + 1] == '\n') return at;
    bare = true;
    ++at;
  }
#endif
  for (; at + 1 < in.size(); ++at) {
    if (in[at] == '\r' && in[at + 1] == '\n') return at;
    if (in[at] == '\r' || in[at] == '\n') bare = true;
  }
  return std::string_view::npos;
}

// The first ':' of the line of `size` bytes that begins at `at`; npos: there is none.
std::size_t find_colon(std::string_view in, std::size_t at, std::size_t size) {
#ifdef __SSE2__
  if (at + block_size <= in.size()) { // most names are shorter
    const auto colons = bits(where(block_at(in.data() + at), ':'));
    const auto first = static_cast<std::size_t>(std::countr_zero(colons | 1U << block_size));
    if (first < size && first < block_size) return first;
    if (first >= size) return std::string_view::npos;
  }
#endif
  return std::string_view{in.data() + at, size}.find(':');
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
  std::array<std::uint16_t, header_names_known> last{}; // valid where first_ is set
  std::size_t lines = 0;
  bool may_fold = false; // the line before was a header field

  void take(std::size_t begin, std::size_t end, bool bare) {
    if (bare) return drop("bare CR or LF in a header");
    const char front = m.bytes_[begin];
    if (front == ' ' || front == '\t') return fold(end);
    if (end - begin > header_size_max) return drop("header too long");
    const auto colon = find_colon(m.bytes_, begin, end - begin);
    if (colon == std::string_view::npos) return drop("malformed header");
    std::string_view name{m.bytes_.data() + begin, colon};
    auto known = header_name_of(name); // a known name is a token
    if (known == header_name::unknown) {
      while (!name.empty() && text::is_blank(name.back())) name.remove_suffix(1);
      if (!text::is_token(name)) return drop("malformed header");
      if (name.size() < colon) known = header_name_of(name);
    }
    add(begin, name.size(), known, begin + colon + 1, end);
  }

  void drop(std::string_view what) {
    reject(bad, what);
    may_fold = false;
  }

  void fold(std::size_t end) {
    if (!may_fold) return reject(bad, "folded line without a header before it");
    auto& l = m.lines_[m.count_ - 1];
    if (end - l.name_at > header_size_max) return drop("header too long");
    // An empty first line begins where its continuation does.
    set_value(l, l.value_at, end);
  }

  void add(std::size_t name, std::size_t name_size, header_name known, std::size_t value,
           std::size_t end) {
    auto& l = m.lines_[m.count_];
    l.name_at = static_cast<std::uint16_t>(name);
    l.name_size = static_cast<std::uint16_t>(name_size);
    l.known = known;
    l.next = none;
    set_value(l, value, end);
    const auto k = static_cast<std::size_t>(l.known);
    const auto here = static_cast<std::uint16_t>(m.count_);
    if (l.known != header_name::unknown) {
      if (m.first_[k] == none)
        m.first_[k] = here;
      else
        m.lines_[last[k]].next = here;
      last[k] = here;
    }
    ++m.count_;
    may_fold = true;
  }

  void set_value(entry& l, std::size_t begin, std::size_t end) const {
    const auto* b = m.bytes_.data();
    while (begin < end && text::is_blank(b[begin])) ++begin;
    while (end > begin && text::is_blank(b[end - 1])) --end;
    l.value_at = static_cast<std::uint16_t>(begin);
    l.value_size = static_cast<std::uint16_t>(end - begin);
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
  bool bare = false;
  auto end = find_line_end(bytes_, 0, bare);
  if (end == std::string_view::npos) return {"", "no start line", 0};
  if (bare) reject(bad, "bare CR or LF in the start line");
  read_start_line(bytes_.substr(0, end), bad);
  reading r{*this, bad};
  for (;;) {
    const auto begin = end + 2;
    bare = false;
    end = find_line_end(bytes_, begin, bare);
    if (end == std::string_view::npos) {
      reject(bad, "no empty line behind the headers");
      return found(bad);
    }
    if (end == begin) break;
    if (count_ == headers_max || ++r.lines > 4 * headers_max) {
      reject(bad, "too many headers");
      return found(bad);
    }
    r.take(begin, end, bare);
  }
  read_body(end + 2, bad);
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
  const auto first = text::skip(line, 0, text::token_char);
  if (first == 0 || (first < line.size() && line[first] != ' '))
    return reject(bad, "malformed method");
  method_ = line.substr(0, first);
  const auto last = line.rfind(' ');
  if (first == line.size() || first == last) return reject(bad, "malformed request line");
  request_uri_ = line.substr(first + 1, last - first - 1);
  const auto spoken = line.substr(last + 1);
  if (!text::same(spoken, version)) {
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

std::string_view message_view::first_value(header_name name) const {
  std::string_view out;
  each_value(name, [&](std::string_view value) {
    out = value;
    return false;
  });
  return out;
}

decoded<cseq_view> view_cseq(std::string_view value) {
  std::size_t blank = 0;
  while (blank < value.size() && !text::is_blank(value[blank])) ++blank;
  const auto number =
      text::to_number(value.substr(0, blank), std::numeric_limits<std::uint32_t>::max());
  if (!number || blank == value.size()) return wrong("malformed CSeq");
  const auto name = text::trim(value.substr(blank));
  if (!text::is_token(name)) return wrong("malformed CSeq");
  return cseq_view{static_cast<std::uint32_t>(*number), name};
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
