// RFC 4648 base32 in lowercase, unpadded: survives every SIP element that folds case.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

[[nodiscard]] std::string to_base32(std::string_view bytes);

// nullopt: a character outside the alphabet (upper case is accepted), or left-over bits not zero.
[[nodiscard]] std::optional<std::string> from_base32(std::string_view text);

// The same into bytes that the caller has, `size` of them and no fewer; false: see above, or the
// text is for more or fewer bytes. Allocates nothing.
[[nodiscard]] bool from_base32(std::string_view text, char* bytes, std::size_t size);

} // namespace holdfast
