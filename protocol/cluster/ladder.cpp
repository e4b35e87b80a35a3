#include "protocol/cluster/ladder.hpp"

#include "protocol/sip/sketch.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace holdfast::cluster {

namespace {

constexpr std::array<std::string_view, 14> method_names{
    "other", "INVITE", "ACK",  "BYE",       "CANCEL", "REGISTER", "OPTIONS",
    "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY", "REFER",    "MESSAGE"};

constexpr std::size_t agents_max = 4;

// A loaded node answers late, and so is what it says of the time. Less than T1, after which a
// message is a repetition.
constexpr duration skew_under_load = 6 * clock_skew;

bool wanted(const sighting& s, const std::vector<std::uint64_t>& calls,
            const std::vector<session_address>& sessions) {
  return std::find(calls.begin(), calls.end(), s.call) != calls.end()
         || (s.session.session.value != 0
             && std::find(sessions.begin(), sessions.end(), s.session) != sessions.end());
}

} // namespace

std::uint64_t call_hash(std::string_view call_id) {
  return XXH3_64bits(call_id.data(), call_id.size());
}

sip_method method_of(std::string_view name) {
  for (std::size_t i = 1; i < method_names.size(); ++i)
    if (method_names[i] == name) return static_cast<sip_method>(i);
  return sip_method::other;
}

std::string_view to_string(sip_method m) {
  const auto i = static_cast<std::size_t>(m);
  return method_names[i < method_names.size() ? i : 0];
}

bool sketch_into(sighting& s, std::string_view bytes) {
  const auto seen = sip::sketch_of(bytes);
  if (!seen) return false;
  s.call = call_hash(seen->call_id);
  s.method = method_of(seen->method);
  s.status = seen->status;
  s.cseq = seen->cseq;
  return true;
}

void sighting_ring::add(sighting s) {
  if (ring_.size() < capacity_) {
    ring_.push_back(std::move(s));
    return;
  }
  ring_[next_] = std::move(s);
  next_ = (next_ + 1) % capacity_;
}

std::vector<sighting> sighting_ring::of(const std::vector<std::uint64_t>& calls,
                                        const std::vector<session_address>& sessions) const {
  std::vector<sighting> out;
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    const auto& s = ring_[(next_ + i) % ring_.size()];
    if (wanted(s, calls, sessions)) out.push_back(s);
  }
  return out;
}

std::uint8_t session_sightings::agent_index(const endpoint& agent) {
  for (std::size_t i = 0; i < agents_.size(); ++i)
    if (agents_[i] == agent) return static_cast<std::uint8_t>(i);
  if (agents_.size() < agents_max) agents_.push_back(agent);
  return static_cast<std::uint8_t>(agents_.size() - 1);
}

void session_sightings::add(const sighting& s) {
  const compact c{s.call, s.at, s.cseq, s.step, s.status, agent_index(s.agent), s.method, s.in};
  if (first_.size() < first_max) {
    first_.push_back(c);
  } else if (last_.size() < last_max) {
    last_.push_back(c);
  } else {
    last_[next_] = c;
    next_ = (next_ + 1) % last_max;
  }
}

std::vector<sighting> session_sightings::all() const {
  std::vector<sighting> out;
  const auto give = [&](const compact& c) {
    out.push_back({c.call,
                   c.at,
                   station::session,
                   c.in,
                   c.method,
                   c.status,
                   c.cseq,
                   c.step,
                   {},
                   agents_[c.agent]});
  };
  for (const auto& c : first_) give(c);
  for (std::size_t i = 0; i < last_.size(); ++i) give(last_[(next_ + i) % last_.size()]);
  return out;
}

sighting_row row_of(const sighting& s, const std::string& node, instant now) {
  return {node,     now - s.at, s.call, s.where,   s.in,   s.method,
          s.status, s.cseq,     s.step, s.session, s.agent};
}

namespace {

// Stations in the order of the way of a message.
int place_of(station s, bool in) {
  return in ? static_cast<int>(s) : -static_cast<int>(s);
}

bool belongs_to(const sighting_row& row, const rung& r) {
  const auto place = place_of(row.where, row.in);
  bool behind = true;
  for (const auto& stop : r.stops) {
    if (stop.where == row.where) return false;
    behind = behind && place_of(stop.where, row.in) < place;
  }
  return r.stops.front().ago - row.ago < (behind ? rung_patience : skew_under_load);
}

void add_stop(rung& r, const sighting_row& row) {
  const auto place = place_of(row.where, row.in);
  const auto at = std::find_if(r.stops.begin(), r.stops.end(), [&](const rung::stop& s) {
    return place_of(s.where, row.in) > place;
  });
  r.stops.insert(at, {row.node, row.where, row.ago, row.step});
}

// All messages of a call pass its session, and there one clock puts them in order.
duration ago(const rung& r) {
  const auto at = std::find_if(r.stops.begin(), r.stops.end(),
                               [](const rung::stop& s) { return s.where == station::session; });
  return at != r.stops.end() ? at->ago : r.stops.front().ago;
}

bool answers(const rung& response, const rung& request) {
  return response.status != 0 && request.status == 0 && response.in != request.in
         && response.call == request.call && response.method == request.method
         && response.cseq == request.cseq;
}

// No response comes before its request, whatever clocks say: it goes right behind the first copy.
void put_causes_first(std::vector<rung>& ladder) {
  for (auto it = ladder.begin(); it != ladder.end();) {
    const auto request = std::find_if(ladder.begin(), ladder.end(),
                                      [&](const rung& r) { return answers(*it, r); });
    const bool too_early =
        request != ladder.end() && request > it && ago(*it) - ago(*request) < skew_under_load;
    if (too_early)
      std::rotate(it, it + 1, request + 1);
    else
      ++it;
  }
}

} // namespace

// A sighting belongs to the latest rung of the same message that has not passed its station yet.
// What nodes say of the time differs a little, so within that a station may come too early.
std::vector<rung> ladder_of(std::vector<sighting_row> rows) {
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.ago > b.ago; });
  std::vector<rung> ladder;
  using what = std::tuple<std::uint64_t, bool, sip_method, std::uint16_t, std::uint32_t>;
  std::map<what, std::vector<std::size_t>> open;
  for (const auto& row : rows) {
    auto& same = open[{row.call, row.in, row.method, row.status, row.cseq}];
    const auto found = std::find_if(same.rbegin(), same.rend(),
                                    [&](std::size_t i) { return belongs_to(row, ladder[i]); });
    if (found != same.rend()) {
      add_stop(ladder[*found], row);
      continue;
    }
    same.push_back(ladder.size());
    ladder.push_back(
        {row.call, row.in, row.method, row.status, row.cseq, row.agent, same.size() > 1, {}});
    add_stop(ladder.back(), row);
  }
  std::stable_sort(ladder.begin(), ladder.end(),
                   [](const rung& a, const rung& b) { return ago(a) > ago(b); });
  put_causes_first(ladder);
  return ladder;
}

} // namespace holdfast::cluster
