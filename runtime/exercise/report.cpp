#include "runtime/exercise/report.hpp"

#include "runtime/exercise/exchanges.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

namespace holdfast::exercise {

namespace {

constexpr std::size_t no_call = static_cast<std::size_t>(-1);

std::string fixed(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::string line(std::string_view name, const std::string& value) {
  std::string out{"  "};
  out += name;
  out.resize(std::max<std::size_t>(out.size() + 1, 26), ' ');
  return out + value + "\n";
}

std::string line(std::string_view name, const distribution& d) {
  if (d.count == 0) return line(name, "-");
  return line(name, "p50 " + fixed(d.p50) + "  p99 " + fixed(d.p99) + "  max " + fixed(d.max)
                        + "  (" + std::to_string(d.count) + ")");
}

violation about_nobody(std::string_view rule, std::string_view source, std::string text) {
  violation v{rule, source, UINT32_MAX, {}, {}};
  v.what.text = std::move(text);
  return v;
}

std::string in_full(const violation& v, const evidence& seen) {
  std::string out{"\n"};
  out += v.rule;
  out += " [";
  out += v.source;
  out += "]";
  const std::size_t index = v.call < seen.calls.size() ? v.call : no_call;
  if (index == no_call) return out + "\n  " + v.what.text + "\n";
  return out + "  call " + std::to_string(v.call) + ", Call-ID " + v.call_id + "\n  " + v.what.text
         + "\n" + ladder(seen.calls[index], v.what.at);
}

// One example of each kind before a second one of any.
std::vector<const violation*> examples(const std::vector<violation>& all, std::size_t count) {
  std::vector<const violation*> out;
  std::map<std::string_view, std::size_t> told;
  for (std::size_t round = 0; round < count && out.size() < count; ++round)
    for (const auto& v : all) {
      if (out.size() == count) break;
      if (told[v.rule] != round || std::count(out.begin(), out.end(), &v) != 0) continue;
      ++told[v.rule];
      out.push_back(&v);
    }
  return out;
}

std::string counts(const std::vector<violation>& all) {
  std::map<std::string_view, std::size_t> by_rule;
  for (const auto& v : all) ++by_rule[v.rule];
  std::string out;
  for (const auto& [name, n] : by_rule)
    out += (out.empty() ? "" : ", ") + std::string{name} + " " + std::to_string(n);
  return out.empty() ? "none" : out;
}

} // namespace

verdict decide(const evidence& seen) {
  const circumstances c{seen.fault_at, seen.timers};
  verdict v;
  v.faulted = seen.fault_at.has_value();
  v.timed_out = seen.timed_out;
  for (const auto& log : seen.calls) {
    ++(log.extra ? v.extra_calls : v.calls);
    if (log.stable_at_fault) ++v.stable_at_fault;
    if (auto reason = lost(log, c)) v.lost.push_back({log.number, log.call_id(), *reason});
    for (auto& found : judge(log, c)) {
      const bool counts_always = found.rule == "ends-agree";
      (log.extra && !counts_always ? v.extra_violations : v.violations).push_back(std::move(found));
    }
  }
  for (const auto& stray : seen.strays)
    v.violations.push_back(about_nobody("belongs-to-a-call", "RFC 3261 12.2.2", stray));
  for (const auto& text : seen.registration_complaints)
    v.violations.push_back(about_nobody("registered", "RFC 3261 10.2", text));
  v.first = figures_of(seen.calls, false, c);
  v.extra = figures_of(seen.calls, true, c);
  return v;
}

std::string table(const verdict& v, const evidence& seen, std::size_t ladders) {
  const auto& f = v.first;
  std::string out =
      line("calls", std::to_string(v.calls) + ", established " + std::to_string(f.established)
                        + (f.cancelled ? ", cancelled " + std::to_string(f.cancelled) : ""));
  if (v.faulted) {
    out += line("stable at the fault", std::to_string(v.stable_at_fault));
    out += line("lost", std::to_string(v.lost.size()));
    out += line("gap, ms", f.gap);
    out += line("asked to come again", std::to_string(f.deferred));
  }
  out += line("request delay (SRD), ms", f.srd);
  out += line("disconnect (SDD), ms", f.sdd);
  out += line("SER, ISA", fixed(f.ser) + " %, " + fixed(f.isa) + " %");
  const auto& r = f.repeats;
  out += line("retransmissions", "requests " + std::to_string(r.requests) + " ("
                                     + std::to_string(r.requests_before_fault)
                                     + " before the fault), 2xx " + std::to_string(r.successes)
                                     + " (" + std::to_string(r.successes_before_fault) + ")");
  if (v.extra_calls != 0) {
    out += line("extra calls", std::to_string(v.extra_calls) + ", established "
                                   + std::to_string(v.extra.established) + ", SRD p99 "
                                   + fixed(v.extra.srd.p99) + " ms");
    out += line("their violations", counts(v.extra_violations));
  }
  out += line("violations", counts(v.violations));
  for (const auto* example : examples(v.violations, ladders)) out += in_full(*example, seen);
  for (std::size_t i = 0; i < std::min(v.lost.size(), ladders); ++i)
    out += "\nlost  call " + std::to_string(v.lost[i].number) + ", Call-ID " + v.lost[i].call_id
           + "\n  " + v.lost[i].reason + "\n";
  out += "\nverdict: ";
  if (v.clean()) return out + "nothing lost, nothing violated\n";
  return out + std::to_string(v.lost.size()) + " lost, " + std::to_string(v.violations.size())
         + " violations" + (v.timed_out ? ", not over in time" : "") + "\n";
}

} // namespace holdfast::exercise
