// What must hold before the first node is started: one launcher per state directory, a key, and
// addresses that nobody else has. Found out here, it is one clear sentence instead of a node that
// fails again and again.
#pragma once

#include "protocol/core/result.hpp"
#include "runtime/configuration.hpp"
#include "runtime/file_descriptor.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::runtime {

// The names of all nodes that `launch` starts, in the order in which it does.
[[nodiscard]] std::vector<std::string> nodes_of(const configuration& c);

struct prepared_launch {
  file_descriptor lock; // of the state directory; held as long as the launcher runs
  std::filesystem::path configuration_file;
};

// Makes the directories, takes the lock, creates the key, settles port 0, tries every address, and
// writes the effective configuration. `c` ends with absolute paths and real ports.
[[nodiscard]] result<prepared_launch> prepare_launch(configuration& c);

} // namespace holdfast::runtime
