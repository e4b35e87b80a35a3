// What a fallible pure function returns: a value or an error that says, in one sentence, what
// was wrong with the input. Errors are for input from outside; broken invariants of ours throw.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <utility>

namespace holdfast {

struct error {
  std::string what; // one sentence for an operator or a SIP Warning; no trailing full stop

  friend bool operator==(const error&, const error&) = default;
};

template <class T>
using result = tl::expected<T, error>;

[[nodiscard]] inline tl::unexpected<error> fail(std::string what) {
  return tl::make_unexpected(error{std::move(what)});
}

} // namespace holdfast
