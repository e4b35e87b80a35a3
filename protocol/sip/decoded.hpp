// What a decoder gives that looks at bytes in place: views into them, or a literal that says what
// is wrong. Nothing is allocated either way; whoever keeps the value copies it.
#pragma once

#include "protocol/core/result.hpp"

#include <tl/expected.hpp>

#include <string>
#include <string_view>

namespace holdfast::sip {

template <class T>
using decoded = tl::expected<T, std::string_view>; // the error: a literal, one sentence

[[nodiscard]] inline tl::unexpected<std::string_view> wrong(std::string_view what) {
  return tl::make_unexpected(what);
}

// The same as a result<> that owns what it says.
template <class View, class Copy>
auto copied(const decoded<View>& from, Copy copy) -> result<decltype(copy(*from))> {
  if (!from) return fail(std::string{from.error()});
  return copy(*from);
}

} // namespace holdfast::sip
