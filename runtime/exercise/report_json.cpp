#include "runtime/exercise/report.hpp"

#include <array>
#include <cstdio>

namespace holdfast::exercise {

namespace {

std::string quoted(std::string_view text) {
  std::string out{"\""};
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) {
      // From the network: what is no ASCII is shown, byte by byte, not believed to be UTF-8.
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape.data();
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", value);
  return text.data();
}
std::string number(std::size_t value) {
  return std::to_string(value);
}

std::string spelled(const distribution& d) {
  return "{\"p50\": " + number(d.p50) + ", \"p99\": " + number(d.p99)
         + ", \"max\": " + number(d.max) + ", \"count\": " + number(d.count) + "}";
}

std::string spelled(const retransmissions& r) {
  return "{\"requests\": " + number(r.requests) + ", \"requests_before_fault\": "
         + number(r.requests_before_fault) + ", \"successes\": " + number(r.successes)
         + ", \"successes_before_fault\": " + number(r.successes_before_fault) + "}";
}

std::string spelled(const std::vector<violation>& all) {
  std::string out;
  for (const auto& v : all)
    out += std::string{out.empty() ? "" : ","} + "\n    {\"rule\": " + quoted(v.rule)
           + ", \"source\": " + quoted(v.source) + ", \"call_id\": " + quoted(v.call_id)
           + ", \"text\": " + quoted(v.what.text) + "}";
  return "[" + out + "]";
}

std::string spelled(const std::vector<lost_call>& all) {
  std::string out;
  for (const auto& l : all)
    out += std::string{out.empty() ? "" : ","} + "\n    {\"call_id\": " + quoted(l.call_id)
           + ", \"text\": " + quoted(l.reason) + "}";
  return "[" + out + "]";
}

std::string performance(const figures& f) {
  return "\"srd_ms\": " + spelled(f.srd) + ", \"sdd_ms\": " + spelled(f.sdd)
         + ", \"ser\": " + number(f.ser) + ", \"isa\": " + number(f.isa)
         + ", \"retransmissions\": " + spelled(f.repeats);
}

} // namespace

std::string json(const verdict& v, std::optional<std::int64_t> fault_time_ms,
                 std::optional<int> fault_exit) {
  std::string out = "{\n  \"clean\": ";
  out += v.clean() ? "true" : "false";
  out += ",\n  \"calls\": " + number(v.calls);
  out += ",\n  \"established\": " + number(v.first.established);
  out += ",\n  \"cancelled\": " + number(v.first.cancelled);
  out += ",\n  \"stable_at_fault\": " + number(v.stable_at_fault);
  out += ",\n  \"lost\": " + number(v.lost.size());
  out += ",\n  \"lost_calls\": " + spelled(v.lost);
  out += ",\n  \"violations\": " + spelled(v.violations);
  out += ",\n  \"gap_ms\": " + spelled(v.first.gap);
  out += ",\n  \"deferred\": " + number(v.first.deferred);
  out += ",\n  \"unasked_reinvites\": " + number(v.first.unasked);
  out += ",\n  " + performance(v.first);
  out += ",\n  \"extra\": {\"calls\": " + number(v.extra_calls)
         + ", \"established\": " + number(v.extra.established) + ", " + performance(v.extra)
         + ", \"violations\": " + spelled(v.extra_violations) + "}";
  out += ",\n  \"timed_out\": ";
  out += v.timed_out ? "true" : "false";
  out += ",\n  \"fault_time\": " + (fault_time_ms ? std::to_string(*fault_time_ms) : "null");
  out += ",\n  \"fault_exit\": " + (fault_exit ? std::to_string(*fault_exit) : "null");
  return out + "\n}\n";
}

} // namespace holdfast::exercise
