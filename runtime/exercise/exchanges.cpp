#include "runtime/exercise/exchanges.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace holdfast::exercise {

namespace {

// The caller's half of the ladder on the left, the callee's on the right.
std::string row(const observation& o, instant start) {
  const bool right = (o.who == party::caller) == (o.direction == way::sent);
  const auto words = label(o) + (o.deliberate ? " again" : "");
  const auto seconds = static_cast<double>((o.at - start).count()) / 1e6;
  const char* arrow = right ? "->" : "<-";
  std::array<char, 160> line{};
  if (o.who == party::caller)
    std::snprintf(line.data(), line.size(), "  %9.3f  caller %s %-20s |%30s", seconds, arrow,
                  words.c_str(), "");
  else
    std::snprintf(line.data(), line.size(), "  %9.3f  %30s | %s %-20s callee", seconds, "", arrow,
                  words.c_str());
  return std::string{line.data()} + " CSeq " + std::to_string(o.cseq) + " " + o.branch + "\n";
}

} // namespace

const observation* exchange::final() const {
  for (const auto* r : responses)
    if (r->is_final()) return r;
  return nullptr;
}

bool exchange::deferred() const {
  const auto* f = final();
  if (f == nullptr) return false;
  return challenged() || f->status == 491
         || ((f->status == 500 || f->status == 503) && f->retry_after);
}

bool exchange::challenged() const {
  const auto* f = final();
  return f != nullptr && (f->status == 401 || f->status == 407);
}

std::vector<exchange> exchanges(const call_log& log) {
  std::vector<exchange> out;
  for (const auto& o : log.seen) {
    if (o.method == "ACK") continue;
    const auto it = std::find_if(out.begin(), out.end(), [&](const exchange& x) {
      const auto& first = x.request ? *x.request : *x.responses.front();
      return first.same_transaction(o);
    });
    auto& x = it == out.end() ? out.emplace_back() : *it;
    x.who = o.who;
    if (!o.is_request()) {
      x.responses.push_back(&o);
      continue;
    }
    if (x.request == nullptr) x.request = &o;
    x.copies.push_back(&o);
  }
  return out;
}

const exchange* retry_of(const exchange& x, const std::vector<exchange>& all) {
  for (const auto& y : all)
    if (y.sent() && x.request && y.who == x.who && y.request->method == x.request->method
        && y.in_dialog() == x.in_dialog() && y.request->cseq > x.request->cseq)
      return &y;
  return nullptr;
}

std::string ladder(const call_log& log, instant at, std::size_t rows_max) {
  if (log.seen.empty()) return {};
  const auto after = std::find_if(log.seen.begin(), log.seen.end(),
                                  [&](const observation& o) { return o.at > at; });
  const auto index = static_cast<std::size_t>(after - log.seen.begin());
  const auto until = std::min(log.seen.size(), index + rows_max / 3);
  const auto from = until > rows_max ? until - rows_max : 0;
  std::string out;
  for (auto i = from; i < until; ++i) out += row(log.seen[i], log.seen.front().at);
  if (until < log.seen.size()) out += "             ...\n";
  return out;
}

} // namespace holdfast::exercise
