// Media types and bodies in several parts (RFC 3261 7.4, RFC 2046 5.1), where they stand.
#pragma once

#include "protocol/sip/decoded.hpp"
#include "protocol/sip/params_view.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace holdfast::sip {

inline constexpr std::size_t body_parts_max = 32;

// "application/sdp;charset=utf-8"
struct media_type {
  std::string_view type, subtype; // any case
  params_view params;

  [[nodiscard]] bool is(std::string_view wanted_type, std::string_view wanted_subtype) const;
};

[[nodiscard]] decoded<media_type> view_media_type(std::string_view text);

struct body_part {
  std::string_view headers; // lines, the last one with its CRLF; may be empty
  std::string_view content;

  // The value of a part's own header field, folds in it; nullopt: not there.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

// The parts one after the other. Parts may be multiparts themselves: ask again for those.
class multipart_view {
public:
  // Errors: no multipart type, no or a malformed boundary, a body without its delimiters, more than
  // body_parts_max.
  [[nodiscard]] static decoded<multipart_view> of(const media_type& type, std::string_view body);

  [[nodiscard]] std::size_t size() const { return size_; }
  // False: there are no more.
  [[nodiscard]] bool next(body_part& part);

private:
  // Cuts the part at the front of rest_; false: its closing delimiter is missing.
  [[nodiscard]] bool cut(std::string_view& part);

  std::string_view boundary_; // without the dashes
  std::string_view rest_;     // behind a delimiter line
  std::size_t size_ = 0;
  bool closed_ = false;
};

} // namespace holdfast::sip
