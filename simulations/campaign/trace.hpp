// A run as JSON lines, for whoever wants to look at it step by step (README, "Traces").
#pragma once

#include "protocol/cluster/view.hpp"
#include "protocol/core/endpoint.hpp"
#include "simulations/timeline.hpp"

#include <iosfwd>
#include <string>
#include <string_view>

namespace holdfast::simulations {

class trace_file {
public:
  explicit trace_file(std::ostream& out) : out_{out} {}

  void plan(std::string_view prose, std::uint64_t seed);
  void step(const timeline::step& s);
  void fault(instant at, std::string_view what);
  void datagram(instant at, std::string_view agent, const char* direction, std::string_view bytes);
  void view(instant at, const cluster::view& v);
  void mark(instant at, std::string_view phase);
  void finding(instant at, std::string_view invariant, std::string_view what);

private:
  std::ostream& out_;
};

} // namespace holdfast::simulations
