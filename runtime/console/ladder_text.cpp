#include "runtime/console/ladder_text.hpp"

#include "runtime/console_access.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::runtime {

namespace json = boost::json;

namespace {

constexpr std::size_t lane_width = 20;

struct lifeline {
  int rank = 0; // user agents outside, dispatcher, proxies and containers in between
  std::string name;
};

int rank_of(std::string_view station) {
  return station == "dispatcher" ? 1 : station == "proxy" ? 2 : 3;
}

// The caller's side on the left, the other on the right, the cluster in the middle.
std::vector<lifeline> lifelines_of(const json::array& ladder) {
  std::vector<lifeline> lines;
  const auto add = [&](int rank, std::string name) {
    if (std::none_of(lines.begin(), lines.end(), [&](const auto& l) { return l.name == name; }))
      lines.push_back({rank, std::move(name)});
  };
  bool first = true;
  for (const auto& rung : ladder) {
    const auto agent = cell(rung.at("agent"));
    add(first ? 0 : 4, agent);
    first = false;
    for (const auto& stop : rung.at("stops").as_array())
      add(rank_of(cell(stop.at("station"))), cell(stop.at("node")));
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.rank < b.rank; });
  return lines;
}

std::size_t lane_of(const std::vector<lifeline>& lines, const std::string& name) {
  const auto found =
      std::find_if(lines.begin(), lines.end(), [&](const auto& l) { return l.name == name; });
  return static_cast<std::size_t>(found - lines.begin());
}

std::string bars(std::size_t lanes) {
  std::string out(lanes * lane_width, ' ');
  for (std::size_t i = 0; i < lanes; ++i) out[i * lane_width + lane_width / 2] = '|';
  return out;
}

// "   |------ INVITE ---->o------>o------>|": where it passed is an o.
std::string arrow(const std::vector<std::size_t>& way, const std::string& what, std::size_t lanes) {
  auto out = bars(lanes);
  const auto at = [](std::size_t lane) { return lane * lane_width + lane_width / 2; };
  const auto begin = at(way.front());
  const auto end = at(way.back());
  const auto left = std::min(begin, end);
  const auto right = std::max(begin, end);
  for (auto i = left + 1; i < right; ++i) out[i] = '-';
  for (std::size_t i = 1; i + 1 < way.size(); ++i) out[at(way[i])] = 'o';
  if (begin < end)
    out[end - 1] = '>';
  else if (end < begin)
    out[end + 1] = '<';
  const auto text = ' ' + what + ' ';
  if (right - left > text.size() + 3) out.replace(left + 2, text.size(), text);
  return out;
}

std::int64_t first_time(const json::value& rung) {
  return rung.at("stops").at(0).at("at_us").to_number<std::int64_t>();
}

std::string seconds_since(std::int64_t from, std::int64_t at) {
  char text[32];
  std::snprintf(text, sizeof text, "%+11.4f  ", static_cast<double>(at - from) / 1e6);
  return text;
}

std::string header(const json::object& call) {
  std::string out = "call " + cell(call.at("id"));
  const auto& actor = call.at("actor");
  if (!actor.is_object()) return out + ", ended\n\n";
  const auto& session = actor.at("session");
  return out + " on " + cell(actor.at("node")) + ", " + cell(actor.at("state")) + "\n  from "
         + cell(session.at("caller")) + "\n  to   " + cell(session.at("callee")) + "\n  Call-ID "
         + cell(session.at("call_ids")) + "\n\n";
}

} // namespace

std::string ladder_text(const json::object& call) {
  const auto& ladder = call.at("ladder").as_array();
  auto out = header(call);
  if (ladder.empty()) return out + "no messages are remembered\n";
  const auto lines = lifelines_of(ladder);
  std::string names(13, ' ');
  for (const auto& l : lines) {
    auto name = l.name.substr(0, lane_width - 1);
    const auto pad = (lane_width - name.size()) / 2;
    names += std::string(pad, ' ') + name + std::string(lane_width - pad - name.size(), ' ');
  }
  out += names + '\n';
  const auto begin = first_time(ladder.front());
  std::multimap<std::int64_t, std::string> between; // failovers, in their place
  for (const auto& f : call.at("failovers").as_array())
    between.emplace(f.at("decided_us").to_number<std::int64_t>(),
                    "== " + cell(f.at("node")) + " given up (" + cell(f.at("cause")) + "), view "
                        + cell(f.at("view")) + " ==");
  for (const auto& rung : ladder) {
    const auto at = first_time(rung);
    while (!between.empty() && between.begin()->first < at) {
      out += seconds_since(begin, between.begin()->first) + between.begin()->second + '\n';
      between.erase(between.begin());
    }
    std::vector<std::size_t> way;
    const bool in = rung.at("in").as_bool();
    if (in) way.push_back(lane_of(lines, cell(rung.at("agent"))));
    for (const auto& stop : rung.at("stops").as_array())
      way.push_back(lane_of(lines, cell(stop.at("node"))));
    if (!in) way.push_back(lane_of(lines, cell(rung.at("agent"))));
    const auto what = cell(rung.at("what")) + (rung.at("repeated").as_bool() ? " again" : "");
    out += seconds_since(begin, at) + arrow(way, what, lines.size()) + '\n';
  }
  for (const auto& [at, text] : between) out += seconds_since(begin, at) + text + '\n';
  return out;
}

} // namespace holdfast::runtime
