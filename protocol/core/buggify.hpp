// What the simulator may do inside the product, in the build of the simulator only:
//
//   buggify<"link: one item a batch">()      a legal but unlikely choice is made here, by chance
//   sometimes<"hold queue: full">(full)      a rare state was reached; a campaign counts them
//   planted<"skip-epoch-check">()            the defect of that name is switched on for this run
//   witness_output(...)                      the oracle sees what no client can tell apart
//   witness_delivery(...)
//   witness_emission(...)
//
// Without HOLDFAST_SIMULATION all five are constants, and compiled to nothing. A point announces
// itself before main() begins, so that a campaign can list those that nothing ever reached. State
// is one per process: simulations run one at a time and reset it (class rehearsal). Only .cpp files
// may hold points: a file that includes this is compiled twice (simulations/CMakeLists.txt).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace holdfast {

// A string literal as template argument: the name of a point is its identity.
template <std::size_t N>
struct point_name {
  // NOLINTNEXTLINE: converts from a literal by intention
  consteval point_name(const char (&literal)[N]) {
    for (std::size_t i = 0; i < N; ++i) text[i] = literal[i];
  }
  char text[N]{};
};

#ifdef HOLDFAST_SIMULATION

namespace simulated {

enum class point_kind : std::uint8_t { buggify, sometimes, planted };

struct point {
  point_kind kind{};
  std::string_view name;
  bool enabled = false;     // buggify: in this run; planted: switched on
  std::uint32_t chance = 0; // buggify: of a million
  std::uint64_t asked = 0;  // how often execution came by
  std::uint64_t fired = 0;  // how often it was true
};

// Ordered by name; of every point in the program, reached or not.
[[nodiscard]] std::vector<point*> points(point_kind kind);
point& announce(point_kind kind, std::string_view name);

// Whether this visit of `p` is one that acts; a function of the run's seed, the point's name, and
// how often it was visited, so that no other choice of the run moves when a point is switched off.
[[nodiscard]] bool act(point& p);

// Of a new run: counts are zeroed, each buggify point is enabled with a probability of `enabled`
// in a thousand; 0: none. Nothing is planted.
void reset(std::uint64_t seed, unsigned enabled);
void quiet();                      // from now on no buggify point acts
bool plant(std::string_view name); // false: there is no such defect

// Every message of a session that a proxy lets out, with who sent it.
struct output {
  std::string_view proxy;
  std::string_view owner;
  std::uint16_t shard = 0;
  std::uint64_t epoch = 0;
};
void on_output(std::function<void(const output&)> witness);
void tell_output(const output& seen);

// Every message that a container gives to an active shard of its own; `proxy` is empty.
void on_delivery(std::function<void(const output&)> witness);
void tell_delivery(const output& seen);

// Every time a shard's owner lets something of it go; `proxy` is empty.
void on_emission(std::function<void(const output&)> witness);
void tell_emission(const output& seen);

// Of the process that runs from now on (later_version.cpp).
void speak_later_version(bool it_does);
[[nodiscard]] bool speaks_later_version();

template <point_kind Kind, point_name Name>
struct registered {
  static inline point& entry = announce(Kind, Name.text);
};

} // namespace simulated

template <point_name Name>
[[nodiscard]] bool buggify() {
  return simulated::act(simulated::registered<simulated::point_kind::buggify, Name>::entry);
}

template <point_name Name>
void sometimes(bool reached = true) {
  auto& p = simulated::registered<simulated::point_kind::sometimes, Name>::entry;
  ++p.asked;
  if (reached) ++p.fired;
}

template <point_name Name>
[[nodiscard]] bool planted() {
  auto& p = simulated::registered<simulated::point_kind::planted, Name>::entry;
  ++p.asked;
  if (p.enabled) ++p.fired;
  return p.enabled;
}

inline void witness_output(std::string_view proxy, std::string_view owner, std::uint16_t shard,
                           std::uint64_t in_epoch) {
  simulated::tell_output({proxy, owner, shard, in_epoch});
}

inline void witness_delivery(std::string_view container, std::uint16_t shard,
                             std::uint64_t in_epoch) {
  simulated::tell_delivery({{}, container, shard, in_epoch});
}

inline void witness_emission(std::string_view container, std::uint16_t shard,
                             std::uint64_t in_epoch) {
  simulated::tell_emission({{}, container, shard, in_epoch});
}

#else

template <point_name Name>
[[nodiscard]] constexpr bool buggify() {
  return false;
}
template <point_name Name>
constexpr void sometimes(bool = true) {}
template <point_name Name>
[[nodiscard]] constexpr bool planted() {
  return false;
}
constexpr void witness_output(std::string_view, std::string_view, std::uint16_t, std::uint64_t) {}
constexpr void witness_delivery(std::string_view, std::uint16_t, std::uint64_t) {}
constexpr void witness_emission(std::string_view, std::uint16_t, std::uint64_t) {}

#endif

} // namespace holdfast
