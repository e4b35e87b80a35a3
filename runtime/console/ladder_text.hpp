// One call for the terminal: a ladder with a lifeline for each user agent, dispatcher, proxy and
// container, from the JSON of /api/v1/calls/NAME.
#pragma once

#include <boost/json.hpp>

#include <string>

namespace holdfast::runtime {

[[nodiscard]] std::string ladder_text(const boost::json::object& call);

} // namespace holdfast::runtime
