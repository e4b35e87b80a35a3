// Parameters of URIs and header fields where they stand: see params.hpp for those that are kept.
#pragma once

#include "protocol/sip/params.hpp"

#include <cstddef>
#include <string_view>

namespace holdfast::sip {

// Of one URI or one header field. What others add on the way to what was short enough is not
// counted: `received` of a Via, `tag` of To.
inline constexpr std::size_t params_max = 64;

// One parameter where it stands.
struct param_view {
  std::string_view name;
  std::string_view value; // as written: a quoted string keeps its quotes
  bool has_value = false; // there is a '='
};

// Parameters where they stand, read one after the other. What check() accepts can be walked.
class params_view {
public:
  params_view() = default;
  // `text` begins with ';' or is blank; any white space around ';' and '='.
  explicit params_view(std::string_view text) : text_{text} {}

  // "": all is well. An empty parameter, a name that is no token, an unterminated quoted string,
  // more than params_max.
  [[nodiscard]] std::string_view check() const {
    std::string_view none;
    return text_.empty() ? none : check({}, none);
  }
  // The same, and on the way the value of one parameter: as value() would find it.
  [[nodiscard]] std::string_view check(std::string_view wanted, std::string_view& value) const;

  // Names are compared without regard to case. False: not there.
  bool find(std::string_view name, param_view& found) const;
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] std::string_view value(std::string_view name) const; // "" when absent or without

  [[nodiscard]] std::string_view text() const { return text_; }

  // The parameter at `at` and behind it the next position; false: there is none, or it is malformed
  // (`at` is behind the end only in the first case).
  bool next(std::size_t& at, param_view& p) const;

private:
  [[nodiscard]] std::size_t added() const; // of what is not counted

  std::string_view text_;
};

// Of what check() accepts.
[[nodiscard]] param_list copy_of(const params_view& params);

} // namespace holdfast::sip
