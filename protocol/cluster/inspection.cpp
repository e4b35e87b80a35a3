#include "protocol/cluster/inspection.hpp"

#include "protocol/sip/text.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace holdfast::cluster {

namespace {

template <class T>
std::vector<T> take(std::vector<T>& from, std::size_t& room, std::size_t weight = 1) {
  const auto count = std::min(from.size(), std::max<std::size_t>(room / weight, room > 0 ? 1 : 0));
  const auto end = from.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<T> taken{std::make_move_iterator(from.begin()), std::make_move_iterator(end)};
  from.erase(from.begin(), end);
  room -= std::min(room, count * weight);
  return taken;
}

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

constexpr std::size_t detail_weight = rows_per_part; // holds rows of its own

bool contains(std::string_view text, std::string_view lower_case) {
  return sip::text::to_lower(text).find(lower_case) != std::string::npos;
}

} // namespace

std::vector<picture> in_parts(picture whole) {
  std::vector<picture> parts;
  do {
    auto& part = parts.emplace_back();
    std::size_t room = rows_per_part;
    part.node = whole.node;
    part.sessions_fitting = std::exchange(whole.sessions_fitting, 0);
    part.facts = std::exchange(whole.facts, {});
    part.effort = std::exchange(whole.effort, {});
    part.accepted = std::exchange(whole.accepted, false);
    part.result = std::exchange(whole.result, {});
    part.actors = take(whole.actors, room);
    part.sessions = take(whole.sessions, room);
    part.sightings = take(whole.sightings, room);
    part.graveyard = take(whole.graveyard, room, rows_per_part / 2);
    part.details = take(whole.details, room, detail_weight);
  } while (!whole.actors.empty() || !whole.sessions.empty() || !whole.sightings.empty()
           || !whole.graveyard.empty() || !whole.details.empty());
  return parts;
}

void add_part(picture& whole, picture part) {
  if (whole.node.empty()) whole.node = part.node;
  whole.sessions_fitting += part.sessions_fitting;
  append(whole.actors, part.actors);
  append(whole.sessions, part.sessions);
  append(whole.sightings, part.sightings);
  append(whole.graveyard, part.graveyard);
  append(whole.facts, part.facts);
  append(whole.effort, part.effort);
  whole.accepted = whole.accepted || part.accepted;
  if (whole.result.empty()) whole.result = std::move(part.result);
  append(whole.details, part.details);
}

void keep_first(std::vector<session_row>& rows, session_order order, std::size_t limit) {
  const auto before = [order](const session_row& a, const session_row& b) {
    switch (order) {
    case session_order::oldest:
      if (a.alive != b.alive) return a.alive > b.alive;
      break;
    case session_order::waiting:
      if (a.age != b.age) return a.age > b.age;
      break;
    case session_order::messages:
      if (a.messages != b.messages) return a.messages > b.messages;
      break;
    default:
      if (a.alive != b.alive) return a.alive < b.alive;
    }
    return a.where < b.where;
  };
  const auto kept = std::min(limit, rows.size());
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(kept), rows.end(),
                    before);
  rows.resize(kept);
}

bool fits(const session_row& row, std::string_view lower_case_text) {
  if (lower_case_text.empty()) return true;
  return contains(row.caller, lower_case_text) || contains(row.callee, lower_case_text)
         || std::any_of(row.call_ids.begin(), row.call_ids.end(),
                        [&](const auto& id) { return contains(id, lower_case_text); });
}

} // namespace holdfast::cluster
