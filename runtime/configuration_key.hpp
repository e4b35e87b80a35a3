// Secrets: files that only their owner can read. Never part of a configuration and never printed.
// The cluster key is the one that every cluster has.
#pragma once

#include "protocol/core/result.hpp"

#include <filesystem>
#include <string>

namespace holdfast::runtime {

// The content of a file of secrets. Errors, which begin with `what` it is: not readable, readable
// by others than its owner.
[[nodiscard]] result<std::string> read_secrets(const std::filesystem::path& file,
                                               const std::string& what);

// The content without white space at its end. Errors: not readable, readable by others, under 32
// bytes.
[[nodiscard]] result<std::string> read_cluster_key(const std::filesystem::path& file);

// Writes 256 random bits with mode 0600 unless there is a file already. True: it is new.
[[nodiscard]] result<bool> create_cluster_key(const std::filesystem::path& file);

} // namespace holdfast::runtime
