// What the registrar answers when another session asks where an address of record can be reached.
#pragma once

#include "protocol/core/codec.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::applications {

// How long an application waits for the answer (design, "Location").
inline constexpr duration lookup_timeout{2s};

struct location_query {
  std::string aor;    // canonical
  std::string gruu{}; // the instance of a GRUU (RFC 5627): only its contacts; empty: all
  unknown_fields unknown{};
};

template <class F>
void describe(F& f, location_query& x) {
  f(1, x.aor);
  f(2, x.gruu);
  f(x.unknown);
}

struct contact_location {
  std::string uri;                 // what the contact wants to see in the Request-URI
  std::uint32_t q_milli = 1000;    // RFC 3261 10.2.1.2: preference 0..1000, higher is tried first
  std::string destination;         // flow that the REGISTER came on, if not the URI's own (NAT)
  std::vector<std::string> path{}; // Route values to it (RFC 3327), first hop first
  unknown_fields unknown{};
};

template <class F>
void describe(F& f, contact_location& x) {
  f(1, x.uri);
  f(2, x.q_milli);
  f(3, x.destination);
  f(4, x.path);
  f(x.unknown);
}

struct location_reply {
  std::vector<contact_location> contacts; // best first; empty: nobody is registered now
  unknown_fields unknown{};
};

template <class F>
void describe(F& f, location_reply& x) {
  f(1, x.contacts);
  f(x.unknown);
}

} // namespace holdfast::applications
