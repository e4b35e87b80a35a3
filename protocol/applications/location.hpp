// What the registrar answers when another session asks where an address of record can be reached.
#pragma once

#include "protocol/core/codec.hpp"
#include "protocol/sip/uri.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::applications {

class context;

// User of a temporary GRUU (RFC 5627 3.1.2), before what only the cluster can read.
inline constexpr std::string_view temporary_gruu_mark = "tgruu.";

// How long an application waits for the answer (design, "Location").
inline constexpr duration lookup_timeout{2s};

struct location_query {
  std::string aor;         // canonical
  std::string gruu{};      // the instance of a GRUU (RFC 5627): only its contacts; empty: all
  std::string temporary{}; // or what a temporary GRUU of it says
  unknown_fields unknown{};
};

template <class F>
void describe(F& f, location_query& x) {
  f(1, x.aor);
  f(2, x.gruu);
  f(3, x.temporary);
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
  bool nobody = false;                    // and nobody will be: a temporary GRUU that is over
  unknown_fields unknown{};
};

template <class F>
void describe(F& f, location_reply& x) {
  f(1, x.contacts);
  f(2, x.nobody);
  f(x.unknown);
}

// Asks the registrar where `target` can be reached: an address of record, or one user agent of it
// by a GRUU. 0: it is no address of ours (404).
[[nodiscard]] std::uint64_t ask_location(context& session, const sip::uri& target);

} // namespace holdfast::applications
