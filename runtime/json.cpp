// Boost.JSON, compiled once: Debian has its headers, not a library that is always there.
#include <boost/json/src.hpp>
