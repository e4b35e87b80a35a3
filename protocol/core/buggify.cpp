#include "protocol/core/buggify.hpp"

#ifdef HOLDFAST_SIMULATION

#include <map>
#include <utility>

namespace holdfast::simulated {

namespace {

struct state {
  std::map<std::pair<point_kind, std::string_view>, point> points;
  std::uint64_t seed = 0;
  bool quiet = true;
  std::function<void(const output&)> witness;
  std::function<void(const output&)> delivery_witness;
  std::function<void(const output&)> emission_witness;
  bool later_version = false;
};

state& the() {
  static state s;
  return s;
}

// splitmix64 (Steele, Lea, Flood 2014): good enough to make neighbours differ.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::uint64_t number_of(std::string_view name) {
  std::uint64_t h = 14695981039346656037ULL;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}

} // namespace

point& announce(point_kind kind, std::string_view name) {
  auto& p = the().points[{kind, name}];
  p.kind = kind;
  p.name = name;
  return p;
}

std::vector<point*> points(point_kind kind) {
  std::vector<point*> list;
  for (auto& [key, p] : the().points)
    if (key.first == kind) list.push_back(&p);
  return list;
}

bool act(point& p) {
  ++p.asked;
  if (!p.enabled || the().quiet) return false;
  const bool acts = mixed(the().seed ^ number_of(p.name) ^ mixed(p.asked)) % 1'000'000 < p.chance;
  if (acts) ++p.fired;
  return acts;
}

void reset(std::uint64_t seed, unsigned enabled) {
  the().seed = mixed(seed);
  the().quiet = false;
  the().later_version = false;
  for (auto& [key, p] : the().points) {
    const auto drawn = mixed(the().seed ^ number_of(p.name));
    p.enabled = p.kind == point_kind::buggify && drawn % 1000 < enabled;
    // One visit in ten, in a hundred, or in ten thousand: places differ in how often they are met.
    constexpr std::uint32_t chances[] = {100'000, 10'000, 100};
    p.chance = chances[(drawn >> 32) % 3];
    p.asked = 0;
    p.fired = 0;
  }
}

void quiet() {
  the().quiet = true;
}

void on_output(std::function<void(const output&)> witness) {
  the().witness = std::move(witness);
}

void tell_output(const output& seen) {
  if (the().witness) the().witness(seen);
}

void on_delivery(std::function<void(const output&)> witness) {
  the().delivery_witness = std::move(witness);
}

void tell_delivery(const output& seen) {
  if (the().delivery_witness) the().delivery_witness(seen);
}

void on_emission(std::function<void(const output&)> witness) {
  the().emission_witness = std::move(witness);
}

void tell_emission(const output& seen) {
  if (the().emission_witness) the().emission_witness(seen);
}

void speak_later_version(bool it_does) {
  the().later_version = it_does;
}

bool speaks_later_version() {
  return the().later_version;
}

bool plant(std::string_view name) {
  const auto found = the().points.find({point_kind::planted, name});
  if (found == the().points.end()) return false;
  found->second.enabled = true;
  return true;
}

} // namespace holdfast::simulated

#endif
