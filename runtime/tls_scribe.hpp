// A connection under TLS as CAF's middleman wants it: what scribe_impl is for plain TCP. Its
// handshake is done; from here on it belongs to BASP.
#pragma once

#include "runtime/file_descriptor.hpp"
#include "runtime/link_tls.hpp"

#include <caf/fwd.hpp>
#include <caf/io/scribe.hpp>

namespace holdfast::runtime {

[[nodiscard]] caf::io::scribe_ptr make_tls_scribe(caf::actor_system& system,
                                                  file_descriptor connection, tls_connection tls);

} // namespace holdfast::runtime
