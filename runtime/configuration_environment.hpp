// A configuration as the sessions of a node see it, and the rules they are checked by.
#pragma once

#include "protocol/session/environment.hpp"
#include "runtime/configuration.hpp"

#include <string_view>
#include <vector>

namespace holdfast::runtime {

[[nodiscard]] std::vector<session::application_rule> session_rules(const configuration& c);

// `cluster_key` is the content of the key file. Throws std::invalid_argument if it is too short.
// Error: a credentials file that cannot be used.
[[nodiscard]] result<session::environment> session_environment(const configuration& c,
                                                               std::string_view cluster_key);

// Credentials files that cannot be read, can be read by others, or have a bad line.
[[nodiscard]] std::vector<configuration_problem> check_credentials(const configuration& c,
                                                                   const std::string& file);

// Unknown applications and settings they do not take; every one of them.
[[nodiscard]] std::vector<configuration_problem> check_applications(const configuration& c,
                                                                    const std::string& file);

} // namespace holdfast::runtime
