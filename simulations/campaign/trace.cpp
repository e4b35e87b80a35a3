#include "simulations/campaign/trace.hpp"

#include <cstdio>
#include <ostream>

namespace holdfast::simulations {

namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string begin(instant at, const char* what) {
  return "{\"t\":" + std::to_string(at.time_since_epoch().count()) + ",\"what\":\"" + what + "\"";
}

} // namespace

void trace_file::plan(std::string_view prose, std::uint64_t seed) {
  out_ << "{\"t\":0,\"what\":\"plan\",\"version\":1,\"seed\":" << seed
       << ",\"plan\":" << quoted(prose) << "}\n";
}

void trace_file::step(const timeline::step& s) {
  out_ << begin(s.at, "step") << ",\"node\":" << quoted(s.node) << ",\"actor\":" << quoted(s.actor);
  if (s.kind.empty())
    out_ << ",\"frame\":" << s.number << "}\n";
  else
    out_ << ",\"message\":" << quoted(s.kind) << "}\n";
}

void trace_file::fault(instant at, std::string_view what) {
  out_ << begin(at, "fault") << ",\"text\":" << quoted(what) << "}\n";
}

void trace_file::datagram(instant at, std::string_view agent, const char* direction,
                          std::string_view bytes) {
  out_ << begin(at, "sip") << ",\"agent\":" << quoted(agent) << ",\"direction\":\"" << direction
       << "\",\"bytes\":" << quoted(bytes) << "}\n";
}

void trace_file::view(instant at, const cluster::view& v) {
  out_ << begin(at, "view") << ",\"number\":" << v.number.value << ",\"members\":[";
  const char* separator = "";
  for (const auto& m : v.members) {
    out_ << separator << "{\"node\":" << quoted(to_string(m.id()))
         << ",\"role\":" << quoted(cluster::to_string(m.card.serves))
         << ",\"state\":" << quoted(cluster::to_string(m.state)) << "}";
    separator = ",";
  }
  out_ << "],\"shards\":[";
  separator = "";
  for (const auto& s : v.shards) {
    out_ << separator << "{\"epoch\":" << s.epoch.value
         << ",\"owner\":" << quoted(to_string(s.owner)) << ",\"replicas\":[";
    const char* inner = "";
    for (const auto& r : s.replicas) {
      out_ << inner << "{\"node\":" << quoted(to_string(r.node))
           << ",\"in_sync\":" << (r.in_sync ? "true" : "false") << "}";
      inner = ",";
    }
    out_ << "]}";
    separator = ",";
  }
  out_ << "]}\n";
}

void trace_file::mark(instant at, std::string_view phase) {
  out_ << begin(at, "phase") << ",\"name\":" << quoted(phase) << "}\n";
}

void trace_file::finding(instant at, std::string_view invariant, std::string_view what) {
  out_ << begin(at, "violation") << ",\"invariant\":" << quoted(invariant)
       << ",\"text\":" << quoted(what) << "}\n";
}

} // namespace holdfast::simulations
