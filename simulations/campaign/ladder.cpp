#include "simulations/campaign/ladder.hpp"

#include "simulations/plan/prose.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

namespace holdfast::simulations {

namespace {

std::string stamp(const evidence& e, instant at) {
  char text[32];
  std::snprintf(text, sizeof text, "%10.3f  ", static_cast<double>((at - e.formed).count()) / 1e6);
  return text;
}

std::string subject(const sip::message& m) {
  const auto number = m.cseq();
  auto text = m.is_request() ? m.method : std::to_string(m.status) + " " + m.reason;
  return text + "  (CSeq " + (number ? to_string(*number) : "?") + ")";
}

std::string arrow(const history_entry& e) {
  const auto who = e.agent;
  switch (e.how) {
  case passage::sent:
    return who + " ---> cluster  ";
  case passage::received:
    return who + " <--- cluster  ";
  case passage::left:
    break;
  }
  return who + "  (lost) <--  ";
}

} // namespace

std::string ladder(const evidence& e, unsigned call) {
  std::vector<std::pair<instant, std::string>> lines;
  for (const auto& f : e.plan.faults) lines.emplace_back(e.formed + f.at, "# " + to_prose(f));
  for (const auto& t : e.takeovers)
    lines.emplace_back(t.at, "# shard " + std::to_string(t.shard.value) + " has a new owner, epoch "
                                 + std::to_string(t.epoch.value)
                                 + (t.emptied ? ", and is empty" : ""));
  lines.emplace_back(e.faults_end, "# faults end");
  if (e.ready_again) lines.emplace_back(e.healed, "# all is well again");
  if (e.last_crash) lines.emplace_back(*e.last_crash, "# the busiest container crashes");
  if (call != 0)
    for (std::size_t i = 0; i < e.log.size(); ++i) {
      const auto& entry = e.log[i];
      if (e.number_of(entry.message->call_id()) != call) continue;
      if (entry.how == passage::left) {
        const bool arrived = std::any_of(
            e.log.begin() + static_cast<std::ptrdiff_t>(i), e.log.end(), [&](const auto& later) {
              return later.how == passage::received && later.digest == entry.digest
                     && later.at < entry.at + 500ms;
            });
        if (arrived) continue;
      }
      lines.emplace_back(entry.at, arrow(entry) + subject(*entry.message));
    }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (std::size_t i = 0; i < std::min(lines.size(), ladder_lines_max); ++i)
    text += stamp(e, lines[i].first) + lines[i].second + "\n";
  if (lines.size() > ladder_lines_max)
    text += "            ... and " + std::to_string(lines.size() - ladder_lines_max) + " more\n";
  return text;
}

} // namespace holdfast::simulations
