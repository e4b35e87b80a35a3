#include "runtime/exercise/figures.hpp"

#include "runtime/exercise/exchanges.hpp"

#include <algorithm>
#include <cmath>

namespace holdfast::exercise {

namespace {

double milliseconds(duration d) {
  return static_cast<double>(d.count()) / 1000.0;
}

double percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

struct samples {
  std::vector<duration> gap;
  std::vector<duration> srd;
  std::vector<duration> sdd;
  std::size_t redirected = 0;
  std::size_t successful = 0;
  std::size_t ineffective = 0;
};

void count_repeats(const exchange& x, const circumstances& c, retransmissions& out) {
  const auto before = [&](const observation& o) { return !c.fault_at || o.at < *c.fault_at; };
  if (x.sent()) {
    for (std::size_t i = 1; i < x.copies.size(); ++i) {
      ++out.requests;
      if (before(*x.copies[i])) ++out.requests_before_fault;
    }
    return;
  }
  if (!x.received() || x.request->method != "INVITE") return;
  bool first = true;
  for (const auto* r : x.responses) {
    if (!r->is_success() || r->deliberate) continue;
    if (!first) {
      ++out.successes;
      if (before(*r)) ++out.successes_before_fault;
    }
    first = false;
  }
}

void measure(const exchange& x, figures& f, samples& s) {
  if (!x.sent()) {
    const bool ours = !x.request || !x.request->exercise_id.empty();
    if (x.received() && x.in_dialog() && x.request->method == "INVITE" && !ours) ++f.unasked;
    return;
  }
  const auto* final = x.final();
  if (x.in_dialog()) {
    if (x.deferred() && !x.challenged()) ++f.deferred;
    if (x.request->method == "BYE" && final && !x.challenged())
      s.sdd.push_back(final->at - x.request->at);
    return;
  }
  if (x.request->method != "INVITE") return;
  ++f.placed;
  for (const auto* r : x.responses) {
    if (r->status <= 100) continue;
    if (r->status < 300) s.srd.push_back(r->at - x.request->at);
    break;
  }
  // RFC 6076 4.8 counts the answers; a caller that hears nothing says 408 to itself.
  if (final == nullptr) {
    ++s.ineffective;
    return;
  }
  const auto status = final->status;
  if (status == 408 || status == 500 || status == 503 || status == 504) ++s.ineffective;
  if (status == 200) ++s.successful;
  if (status == 487) ++f.cancelled;
  if (status / 100 == 3) ++s.redirected;
}

} // namespace

distribution distribution_of(std::vector<duration> samples) {
  distribution d;
  d.count = samples.size();
  if (samples.empty()) return d;
  std::sort(samples.begin(), samples.end());
  const auto rank = [&](double share) {
    const auto n = std::ceil(share * static_cast<double>(samples.size()));
    return milliseconds(samples[static_cast<std::size_t>(std::max(n, 1.0)) - 1]);
  };
  d.p50 = rank(0.5);
  d.p99 = rank(0.99);
  d.max = milliseconds(samples.back());
  return d;
}

std::optional<duration> gap(const call_log& log, const circumstances& c) {
  if (!log.stable_at_fault || !c.fault_at) return std::nullopt;
  const auto all = exchanges(log);
  const auto first = std::find_if(all.begin(), all.end(), [&](const exchange& x) {
    return x.sent() && x.in_dialog() && x.request->at >= *c.fault_at;
  });
  if (first == all.end()) return std::nullopt;
  const exchange* x = &*first;
  while (x->deferred()) {
    const auto* next = retry_of(*x, all);
    if (next == nullptr) return std::nullopt;
    x = next;
  }
  if (x->final() == nullptr || !x->final()->is_success()) return std::nullopt;
  return x->final()->at - first->request->at;
}

figures figures_of(const std::vector<call_log>& calls, bool extra, const circumstances& c) {
  figures f;
  samples s;
  for (const auto& log : calls) {
    if (log.extra != extra) continue;
    if (log.established_at) ++f.established;
    if (const auto g = gap(log, c)) s.gap.push_back(*g);
    const auto all = exchanges(log);
    for (const auto& x : all) {
      // An INVITE that was repeated with credentials is one attempt.
      if (x.in_dialog() || !x.challenged() || retry_of(x, all) == nullptr) measure(x, f, s);
      count_repeats(x, c, f.repeats);
    }
  }
  f.gap = distribution_of(std::move(s.gap));
  f.srd = distribution_of(std::move(s.srd));
  f.sdd = distribution_of(std::move(s.sdd));
  f.ser = percent(s.successful, f.placed - s.redirected - f.cancelled);
  f.isa = percent(s.ineffective, f.placed);
  return f;
}

} // namespace holdfast::exercise
