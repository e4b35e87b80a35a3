// The cluster key: the one secret, in a file of its own that only its owner can read. Never part
// of a configuration and never printed.
#pragma once

#include "protocol/core/result.hpp"

#include <filesystem>
#include <string>

namespace holdfast::runtime {

// The content without white space at its end. Errors: not readable, readable by others, under 32
// bytes.
[[nodiscard]] result<std::string> read_cluster_key(const std::filesystem::path& file);

// Writes 256 random bits with mode 0600 unless there is a file already. True: it is new.
[[nodiscard]] result<bool> create_cluster_key(const std::filesystem::path& file);

} // namespace holdfast::runtime
