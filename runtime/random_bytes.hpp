// Entropy for everything that must not be guessed: session ids, tags, nonces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::runtime {

// Throws std::runtime_error when the system has no entropy, which it always has.
[[nodiscard]] std::string random_bytes(std::size_t count);
// From a block that each thread draws for itself.
[[nodiscard]] std::uint64_t random_number();

} // namespace holdfast::runtime
