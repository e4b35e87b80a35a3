#include "protocol/sip/multipart.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>

namespace holdfast::sip {

namespace {

// RFC 2046 5.1.1.
constexpr std::size_t boundary_size_max = 70;

bool is_boundary(std::string_view b) {
  return !b.empty() && b.size() <= boundary_size_max && b.back() != ' '
         && std::all_of(b.begin(), b.end(), [](char c) {
              return text::is_alnum(c)
                     || std::string_view{"'()+_,-./:=? "}.find(c) != std::string_view::npos;
            });
}

std::string_view without_quotes(std::string_view v) {
  return v.size() >= 2 && v.front() == '"' ? v.substr(1, v.size() - 2) : v;
}

// Where a line "--boundary" begins at or behind `from`; npos: nowhere.
std::size_t find_delimiter(std::string_view in, std::string_view boundary, std::size_t from) {
  for (auto at = in.find("--", from); at != std::string_view::npos; at = in.find("--", at + 1)) {
    const bool starts_line = at == 0 || (at >= 2 && in.substr(at - 2, 2) == "\r\n");
    if (starts_line && in.substr(at + 2, boundary.size()) == boundary) return at;
  }
  return std::string_view::npos;
}

} // namespace

bool media_type::is(std::string_view wanted_type, std::string_view wanted_subtype) const {
  return text::same(type, wanted_type) && text::same(subtype, wanted_subtype);
}

decoded<media_type> view_media_type(std::string_view in) {
  const auto semicolon = std::min(in.find(';'), in.size());
  const auto both = in.substr(0, semicolon);
  const auto slash = both.find('/');
  if (slash == std::string_view::npos) return wrong("media type without '/'");
  const media_type out{text::trim(both.substr(0, slash)), text::trim(both.substr(slash + 1)),
                       params_view{in.substr(semicolon)}};
  if (!text::is_token(out.type) || !text::is_token(out.subtype))
    return wrong("malformed media type");
  if (!out.params.check().empty()) return wrong("media type with malformed parameters");
  return out;
}

std::optional<std::string_view> body_part::header(std::string_view name) const {
  for (auto in = headers; !in.empty();) {
    auto end = in.find("\r\n");
    // A line that begins with a blank goes on with the one before.
    while (end != std::string_view::npos && end + 2 < in.size() && text::is_blank(in[end + 2]))
      end = in.find("\r\n", end + 2);
    const auto line = in.substr(0, end);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && text::same(text::trim(line.substr(0, colon)), name))
      return text::trim(line.substr(colon + 1));
    in.remove_prefix(end == std::string_view::npos ? in.size() : end + 2);
  }
  return std::nullopt;
}

decoded<multipart_view> multipart_view::of(const media_type& type, std::string_view body) {
  if (!text::same(type.type, "multipart")) return wrong("no multipart");
  multipart_view out;
  out.boundary_ = without_quotes(type.params.value("boundary"));
  if (!is_boundary(out.boundary_)) return wrong("multipart without a proper boundary");
  const auto first = find_delimiter(body, out.boundary_, 0);
  if (first == std::string_view::npos) return wrong("multipart body without its boundary");
  out.rest_ = body.substr(first);
  multipart_view walk = out;
  std::string_view part;
  while (walk.cut(part))
    if (++out.size_ > body_parts_max) return wrong("too many body parts");
  if (!walk.closed_) return wrong("multipart body that is not closed");
  return out;
}

// RFC 2046 5.1.1: CRLF "--" boundary *LWSP CRLF; the CRLF before it belongs to the delimiter.
bool multipart_view::cut(std::string_view& part) {
  auto line = rest_.substr(2 + boundary_.size());
  if (line.starts_with("--")) {
    closed_ = true;
    return false;
  }
  const auto begin = line.find("\r\n");
  if (begin == std::string_view::npos || !text::trim(line.substr(0, begin)).empty()) return false;
  line.remove_prefix(begin + 2);
  const auto end = find_delimiter(line, boundary_, 0);
  if (end == std::string_view::npos) return false;
  part = end < 2 ? std::string_view{} : line.substr(0, end - 2);
  rest_ = line.substr(end);
  return true;
}

bool multipart_view::next(body_part& part) {
  std::string_view whole;
  if (!cut(whole)) return false;
  if (whole.starts_with("\r\n")) { // no headers
    part = {{}, whole.substr(2)};
    return true;
  }
  const auto end = whole.find("\r\n\r\n");
  if (end == std::string_view::npos)
    part = {whole, {}};
  else
    part = {whole.substr(0, end + 2), whole.substr(end + 4)};
  return true;
}

} // namespace holdfast::sip
