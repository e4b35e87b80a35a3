#include "protocol/sip/parser.hpp"

#include "protocol/core/base32.hpp"
#include "protocol/sip/text.hpp"

#include <algorithm>
#include <array>

namespace holdfast::sip {

namespace {

constexpr std::string_view version = "SIP/2.0";

// Collects the first thing that was wrong and reads on: an answer needs the Via behind it.
struct reading {
  message m;
  std::string wrong; // "": nothing
  int status = 400;
  bool response = false;
  std::optional<std::string> content_length;

  void reject(std::string what, int code = 400) {
    if (!wrong.empty()) return;
    wrong = std::move(what);
    status = code;
  }
};

// Consumes a line without its CRLF; nullopt: there is no CRLF. Bare CR or LF end no line.
std::optional<std::string_view> take_line(std::string_view& in) {
  const auto end = in.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = in.substr(0, end);
  in.remove_prefix(end + 2);
  return line;
}

bool has_bare_break(std::string_view line) {
  return line.find_first_of("\r\n") != std::string_view::npos;
}

void read_status_line(reading& r, std::string_view line) {
  r.response = true;
  // SIP-Version SP 3DIGIT SP Reason-Phrase; the last SP is often forgotten with an empty phrase.
  if (!text::same(line.substr(0, version.size()), version) || line.size() < version.size() + 4
      || line[version.size()] != ' ')
    return r.reject("malformed status line");
  const auto code = text::to_number(line.substr(version.size() + 1, 3), 699);
  const auto rest = line.substr(version.size() + 4);
  if (!code || *code < 100 || (!rest.empty() && rest.front() != ' '))
    return r.reject("malformed status code");
  r.m.status = static_cast<int>(*code);
  r.m.reason = rest.empty() ? rest : rest.substr(1);
}

void read_request_line(reading& r, std::string_view line) {
  const auto first = line.find(' ');
  r.m.method = line.substr(0, first);
  if (!text::is_token(r.m.method)) {
    r.m.method.clear();
    return r.reject("malformed method");
  }
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return r.reject("malformed request line");
  r.m.request_uri = line.substr(first + 1, last - first - 1);
  const auto spoken = line.substr(last + 1);
  if (!text::same(spoken, version)) {
    if (text::same(spoken.substr(0, 4), "SIP/")) return r.reject("unknown SIP version", 505);
    return r.reject("malformed request line");
  }
  const auto target = parse_uri(r.m.request_uri);
  if (!target) return r.reject("malformed Request-URI: " + target.error().what);
  // RFC 3261 19.1.1: headers are not allowed in a Request-URI.
  if (!target->headers.empty()) r.reject("Request-URI with headers");
}

void read_start_line(reading& r, std::string_view line) {
  if (line.size() > start_line_size_max) return r.reject("start line too long", 414);
  if (has_bare_break(line)) r.reject("bare CR or LF in the start line");
  if (text::same(line.substr(0, 4), "SIP/"))
    read_status_line(r, line);
  else
    read_request_line(r, line);
}

void read_continuation(reading& r, std::string_view line) {
  if (r.m.fields.empty()) return r.reject("folded line before the first header");
  const auto more = text::trim(line);
  auto& value = r.m.fields.back().value;
  if (value.size() + more.size() > header_size_max) return r.reject("header too long");
  if (!value.empty() && !more.empty()) value += ' ';
  value += more;
}

void read_header(reading& r, std::string_view line) {
  if (line.size() > header_size_max) return r.reject("header too long");
  if (has_bare_break(line)) return r.reject("bare CR or LF in a header");
  if (text::is_blank(line.front())) return read_continuation(r, line);
  const auto colon = line.find(':');
  const auto name = text::trim(line.substr(0, colon));
  if (colon == std::string_view::npos || !text::is_token(name)) return r.reject("malformed header");
  r.m.fields.push_back(
      {canonical_header_name(name), std::string{text::trim(line.substr(colon + 1))}});
}

// False: the message ends before its empty line.
bool read_headers(reading& r, std::string_view& in) {
  for (std::size_t lines = 0;; ++lines) {
    const auto line = take_line(in);
    if (!line) return false;
    if (line->empty()) return true;
    if (r.m.fields.size() >= headers_max || lines >= 4 * headers_max) {
      r.reject("too many headers");
      return false;
    }
    read_header(r, *line);
  }
}

// RFC 3261 20.14: the body says its length from here on.
void take_content_length(reading& r) {
  const auto is_length = [](const header_field& h) { return h.name == "Content-Length"; };
  const auto it = std::find_if(r.m.fields.begin(), r.m.fields.end(), is_length);
  if (it == r.m.fields.end()) return;
  r.content_length = it->value;
  if (std::any_of(std::next(it), r.m.fields.end(), is_length))
    r.reject("more than one Content-Length");
  std::erase_if(r.m.fields, is_length);
}

void read_body(reading& r, std::string_view in) {
  if (!r.content_length) {
    r.m.body = in;
    return;
  }
  const auto length = text::to_number(*r.content_length, message_size_max);
  if (!length) return r.reject("malformed Content-Length");
  if (*length > in.size()) return r.reject("Content-Length beyond the end of the message");
  r.m.body = in.substr(0, static_cast<std::size_t>(*length));
}

void check_single(reading& r, std::string_view name, bool mandatory) {
  const auto count = std::count_if(r.m.fields.begin(), r.m.fields.end(),
                                   [&](const header_field& h) { return h.name == name; });
  if (count > 1) r.reject("more than one " + std::string{name});
  if (count == 0 && mandatory) r.reject("no " + std::string{name});
}

bool is_call_id(std::string_view s) {
  const auto is_word_char = [](char c) {
    return text::is_token_char(c)
           || std::string_view{"()<>:\\/\"[]?{}"}.find(c) != std::string_view::npos;
  };
  const auto at = std::min(s.find('@'), s.size());
  const auto word = s.substr(0, at);
  const auto rest = s.substr(std::min(at + 1, s.size()));
  return !word.empty() && std::all_of(word.begin(), word.end(), is_word_char)
         && (at == s.size() || !rest.empty())
         && std::all_of(rest.begin(), rest.end(), is_word_char);
}

void check_addresses(reading& r, std::string_view name) {
  for (const auto& h : r.m.fields) {
    if (h.name != name) continue;
    for (const auto value : split_list(h.value)) {
      const auto parsed = parse_name_addr(value);
      if (!parsed) return r.reject("malformed " + std::string{name} + ": " + parsed.error().what);
      if (parsed->wildcard && name != "Contact") return r.reject("malformed " + std::string{name});
    }
  }
}

void check_address(reading& r, std::string_view name, const result<name_addr>& parsed) {
  if (!parsed)
    r.reject("malformed " + std::string{name} + ": " + parsed.error().what);
  else if (parsed->wildcard)
    r.reject("malformed " + std::string{name});
}

// What every element relies on; the rest of the fields is for those who use them.
void check_fields(reading& r) {
  for (const std::string_view name : {"From", "To", "Call-ID", "CSeq"}) check_single(r, name, true);
  check_single(r, "Max-Forwards", false);
  if (!r.m.has("Via")) r.reject("no Via");
  if (!r.wrong.empty()) return;
  for (const auto& h : r.m.fields) {
    if (h.name != "Via") continue;
    for (const auto value : split_list(h.value))
      if (const auto v = parse_via(value); !v) return r.reject(v.error().what);
  }
  check_address(r, "From", r.m.from());
  check_address(r, "To", r.m.to());
  for (const std::string_view name : {"Contact", "Route", "Record-Route"}) check_addresses(r, name);
  if (!is_call_id(*r.m.header("Call-ID"))) r.reject("malformed Call-ID");
  const auto number = r.m.cseq();
  if (!number)
    r.reject(number.error().what);
  else if (r.m.is_request() && number->method != r.m.method)
    r.reject("CSeq of another method"); // RFC 3261 8.1.1.5
  if (r.m.has("Max-Forwards") && !r.m.max_forwards()) r.reject("malformed Max-Forwards");
}

} // namespace

parse_result parse(std::string_view in) {
  while (in.substr(0, 2) == "\r\n") in.remove_prefix(2); // RFC 3261 7.5
  if (in.find_first_not_of(std::string_view{"\r\n\0 \t", 5}) == std::string_view::npos)
    return tl::make_unexpected(parse_error{"nothing but a keep-alive", 0, std::nullopt});
  reading r;
  if (in.size() > message_size_max) {
    r.reject("message too large", 513);
    in = in.substr(0, message_size_max);
  }
  const auto start = take_line(in);
  if (!start) return tl::make_unexpected(parse_error{"no start line", 0, std::nullopt});
  read_start_line(r, *start);
  const bool complete = read_headers(r, in);
  if (!complete) r.reject("no empty line behind the headers");
  take_content_length(r);
  if (complete && r.wrong.empty()) read_body(r, in);
  if (r.wrong.empty()) check_fields(r);
  if (r.wrong.empty()) return std::move(r.m);

  parse_error e{std::move(r.wrong), r.status, std::nullopt};
  if (r.response || r.m.method.empty())
    e.status = 0;
  else
    e.partial = std::move(r.m);
  return tl::make_unexpected(std::move(e));
}

std::optional<message> error_response(const parse_error& e) {
  // RFC 3261 17.1.1.3: an ACK is never answered.
  if (e.status == 0 || !e.partial || !e.partial->is_request() || e.partial->is("ACK"))
    return std::nullopt;
  if (!e.partial->has("Via")) return std::nullopt;
  const auto reason =
      e.status == 400 ? "Bad Request (" + e.what + ")" : std::string{default_reason(e.status)};
  return make_response(*e.partial, e.status, reason, stateless_tag(*e.partial));
}

std::string stateless_tag(const message& request) {
  // FNV-1a: nobody is kept from guessing it, every copy of the request gets the same.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const std::string_view name : {"Via", "From", "Call-ID", "CSeq"}) {
    auto value = request.header(name).value_or("");
    if (name == "Via") value = split_list(value).front();
    for (const char c : value) {
      hash ^= static_cast<unsigned char>(c);
      hash *= 1099511628211ULL;
    }
  }
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>((hash >> (8 * i)) & 0xff);
  return to_base32(bytes);
}

result<std::size_t> framed_size(std::string_view buffer) {
  std::size_t begin = 0;
  while (buffer.substr(begin, 2) == "\r\n") begin += 2;
  const auto end = buffer.find("\r\n\r\n", begin);
  if (end == std::string_view::npos) {
    if (buffer.size() - begin > message_size_max) return fail("headers too large");
    return std::size_t{0};
  }
  auto headers = buffer.substr(begin, end + 2 - begin);
  while (const auto line = take_line(headers)) {
    const auto colon = line->find(':');
    // A folded line is part of the value before it, whatever it looks like.
    if (colon == std::string_view::npos || text::is_blank(line->front())) continue;
    const auto name = text::trim(line->substr(0, colon));
    if (!text::same(name, "Content-Length") && !text::same(name, "l")) continue;
    const auto length = text::to_number(text::trim(line->substr(colon + 1)), message_size_max);
    if (!length) return fail("malformed Content-Length");
    const auto size = end + 4 + static_cast<std::size_t>(*length);
    if (size - begin > message_size_max) return fail("message too large");
    return size <= buffer.size() ? size : std::size_t{0};
  }
  return fail("no Content-Length on a stream"); // RFC 3261 18.3: MUST be used there
}

} // namespace holdfast::sip
