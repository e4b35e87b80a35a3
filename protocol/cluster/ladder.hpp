// Which SIP messages passed where: each station (dispatcher, proxy, session) keeps a bounded ring
// of sightings, and from the sightings of all stations comes the ladder of one call.
//
//   user agent --> dispatcher --> proxy --> session      one message, three sightings, one rung
//
// Nothing here is needed for a call to work; rings forget the oldest.
#pragma once

#include "protocol/cluster/view.hpp"
#include "protocol/core/codec.hpp"
#include "protocol/core/endpoint.hpp"
#include "protocol/core/identifiers.hpp"
#include "protocol/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::cluster {

// A Call-ID as sightings keep it.
[[nodiscard]] std::uint64_t call_hash(std::string_view call_id);

enum class station : std::uint8_t { dispatcher = 1, proxy = 2, session = 3 };

// The methods that a sighting tells apart.
enum class sip_method : std::uint8_t {
  other = 0,
  invite,
  ack,
  bye,
  cancel,
  reg,
  options,
  prack,
  update,
  info,
  subscribe,
  notify,
  refer,
  message
};
[[nodiscard]] sip_method method_of(std::string_view name);
[[nodiscard]] std::string_view to_string(sip_method m);

struct sighting {
  std::uint64_t call = 0; // call_hash()
  instant at{};
  station where = station::proxy;
  bool in = true; // towards the session
  sip_method method = sip_method::other;
  std::uint16_t status = 0; // 0: a request
  std::uint32_t cseq = 0;
  std::uint32_t step = 0;  // of the session, when it was the session that saw it
  session_address session; // where it is known
  endpoint agent;          // the user agent at the far end
};

// One line of what a station says of the message `bytes`; false: it is no SIP worth recording.
[[nodiscard]] bool sketch_into(sighting& s, std::string_view bytes);

class sighting_ring {
public:
  static constexpr std::size_t node_max = 16'384; // per dispatcher, proxy: the last minute or so
  explicit sighting_ring(std::size_t capacity = node_max) : capacity_{capacity} {}

  void add(sighting s);
  // Those of one of these calls or sessions, oldest first.
  [[nodiscard]] std::vector<sighting> of(const std::vector<std::uint64_t>& calls,
                                         const std::vector<session_address>& sessions) const;

private:
  std::size_t capacity_;
  std::size_t next_ = 0;
  std::vector<sighting> ring_;
};

// A session's own: how its call began is kept, of what followed the latest.
class session_sightings {
public:
  static constexpr std::size_t first_max = 8;
  static constexpr std::size_t last_max = 8;

  void add(const sighting& s);
  [[nodiscard]] std::vector<sighting> all() const;

private:
  struct compact { // no session, no strings: 32 bytes each
    std::uint64_t call = 0;
    instant at{};
    std::uint32_t cseq = 0;
    std::uint32_t step = 0;
    std::uint16_t status = 0;
    std::uint8_t agent = 0; // index into agents_
    sip_method method = sip_method::other;
    bool in = true;
  };
  std::uint8_t agent_index(const endpoint& agent);

  std::vector<endpoint> agents_; // at most 4, then the last is any other
  std::vector<compact> first_;
  std::vector<compact> last_; // a ring
  std::size_t next_ = 0;
};

// What a node says of a sighting to another one: clocks differ, so it says how long ago.
struct sighting_row {
  std::string node;
  duration ago{};
  std::uint64_t call = 0;
  station where = station::proxy;
  bool in = true;
  sip_method method = sip_method::other;
  std::uint16_t status = 0;
  std::uint32_t cseq = 0;
  std::uint32_t step = 0;
  session_address session;
  endpoint agent;
};
[[nodiscard]] sighting_row row_of(const sighting& s, const std::string& node, instant now);

template <class F>
void describe(F& f, sighting_row& x) {
  f(1, x.node);
  f(2, x.ago);
  f(3, x.call);
  f(4, x.where);
  f(5, x.in);
  f(6, x.method);
  f(7, x.status);
  f(8, x.cseq);
  f(9, x.step);
  f(10, x.session);
  f(11, x.agent);
}

// One message on its way, from the first station that saw it to the last.
struct rung {
  std::uint64_t call = 0;
  bool in = true;
  sip_method method = sip_method::other;
  std::uint16_t status = 0;
  std::uint32_t cseq = 0;
  endpoint agent;
  bool repeated = false; // the same message went this way before
  struct stop {
    std::string node;
    station where = station::proxy;
    duration ago{};
    std::uint32_t step = 0;
  };
  std::vector<stop> stops; // in the order in which it passed
};

inline constexpr duration rung_patience{3s}; // a message held for a moving shard takes that long

// Oldest first.
[[nodiscard]] std::vector<rung> ladder_of(std::vector<sighting_row> rows);

} // namespace holdfast::cluster
