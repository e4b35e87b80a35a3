// Two versions live side by side while a cluster is renewed node by node. What has to hold then is
// tried with a version that does not exist yet: one whose every message says more than this one
// knows. It is a program of its own for tests (holdfast-later), and in simulated clusters some of
// the nodes.
#include "protocol/core/codec.hpp"

#ifdef HOLDFAST_SIMULATION
#include "protocol/core/buggify.hpp"
#endif

namespace holdfast::codec {

#if defined HOLDFAST_SIMULATION || defined HOLDFAST_LATER_VERSION

namespace {

// Of a tag that no version will use.
std::string later_field() {
  constexpr std::uint64_t tag = 1'000'000;
  const std::string_view value = "later";
  std::string out;
  put_varint(out, tag * 2 + 1);
  put_varint(out, value.size());
  return out.append(value);
}

// What was passed on keeps the one it has.
void add(std::string& message) {
  static const auto field = later_field();
  if (!message.ends_with(field)) message += field;
}

} // namespace

#endif

#ifdef HOLDFAST_SIMULATION
void add_later_fields(std::string& message) {
  if (simulated::speaks_later_version()) add(message);
}
#elif defined HOLDFAST_LATER_VERSION
void add_later_fields(std::string& message) {
  add(message);
}
#else
void add_later_fields(std::string&) {}
#endif

} // namespace holdfast::codec
