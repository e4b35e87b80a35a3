#include "tests/scenarios/rfc3665.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <utility>

namespace scenarios {

namespace {

using pair_of_names = std::pair<std::string, std::string>;

// The longest common subsequence of two lists, by kind: for each of `a`, its place in `b` or -1.
std::vector<int> matched(const std::vector<ladder_line>& a, const std::vector<ladder_line>& b) {
  const auto rows = a.size() + 1;
  const auto columns = b.size() + 1;
  std::vector<std::size_t> length(rows * columns, 0); // of what is common from (i, j) on
  for (auto i = a.size(); i-- > 0;)
    for (auto j = b.size(); j-- > 0;)
      length[i * columns + j] = a[i].kind == b[j].kind ? length[(i + 1) * columns + j + 1] + 1
                                                       : std::max(length[(i + 1) * columns + j],
                                                                  length[i * columns + j + 1]);
  std::vector<int> places(a.size(), -1);
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].kind == b[j].kind)
      places[i++] = static_cast<int>(j++);
    else if (length[(i + 1) * columns + j] >= length[i * columns + j + 1])
      ++i;
    else
      ++j;
  }
  return places;
}

std::string text_of(const ladder_line& l) {
  return (l.name.empty() ? "" : l.name + " ") + l.from + " -> " + l.to + " " + l.kind;
}

} // namespace

std::optional<std::filesystem::path> text_of_rfc3665() {
  const auto* named = std::getenv("HOLDFAST_RFC3665");
  std::filesystem::path file =
      named != nullptr ? named : HOLDFAST_SOURCE_DIR "/../shared/rfc/rfc3665.txt";
  return std::filesystem::exists(file) ? std::optional{file} : std::nullopt;
}

std::vector<ladder_line> flow_of_section(const std::filesystem::path& rfc,
                                         const std::string& section) {
  static const std::regex message{
      R"(^ +(F\d+) (\w+).*? (Alice|Bob|Proxy \d|Proxy|SIP ALG|SIP Server|Redirect \w+) -> (\S.*\S)\s*$)"};
  std::ifstream in{rfc};
  std::vector<ladder_line> flow;
  std::string line;
  std::smatch found;
  bool here = false;
  while (std::getline(in, line)) {
    if (!line.empty() && line.front() >= '0' && line.front() <= '9') {
      here = line.starts_with(section + ". ");
      if (here) flow.clear(); // the first is in the table of contents
    } else if (here && line.find(" -> ") != line.npos && std::regex_match(line, found, message)) {
      // "F2 Unauthorized SIP Server -> Bob": the only one without its number.
      const std::string kind = found[2] == "Unauthorized" ? "401" : found[2].str();
      flow.push_back({found[3], found[4], kind, found[1]});
    }
  }
  return flow;
}

std::string compare(const std::vector<ladder_line>& rfc, const std::vector<ladder_line>& ran,
                    const std::map<std::string, std::string>& cast) {
  const auto here = [&](const std::string& name) {
    const auto known = cast.find(name);
    return known == cast.end() ? name : known->second;
  };
  std::vector<pair_of_names> pairs;
  std::map<pair_of_names, std::vector<ladder_line>> theirs, ours;
  for (const auto& l : rfc) {
    const pair_of_names pair{here(l.from), here(l.to)};
    if (theirs.find(pair) == theirs.end()) pairs.push_back(pair);
    theirs[pair].push_back(l);
  }
  const auto plays = [&](const std::string& name) {
    return std::any_of(cast.begin(), cast.end(),
                       [&](const auto& role) { return role.second == name; });
  };
  for (const auto& l : ran) {
    if (!plays(l.from) || !plays(l.to)) continue;
    const pair_of_names pair{l.from, l.to};
    if (theirs.find(pair) == theirs.end() && ours.find(pair) == ours.end()) pairs.push_back(pair);
    ours[pair].push_back(l);
  }
  std::string text;
  std::size_t same = 0;
  for (const auto& pair : pairs) {
    const auto places = matched(theirs[pair], ours[pair]);
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i] >= 0)
        ++same;
      else
        text += "- " + text_of(theirs[pair][i]) + "\n";
    }
    for (std::size_t j = 0; j < ours[pair].size(); ++j)
      if (std::find(places.begin(), places.end(), static_cast<int>(j)) == places.end())
        text += "+ " + text_of(ours[pair][j]) + "\n";
  }
  return text + std::to_string(same) + " of " + std::to_string(rfc.size())
         + " messages as in the RFC\n";
}

} // namespace scenarios
