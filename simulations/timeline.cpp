#include "simulations/timeline.hpp"

#include <algorithm>

namespace holdfast::simulations {

std::size_t timeline::below(std::size_t n) {
  return static_cast<std::size_t>(random() % n);
}

duration timeline::between(duration least, duration most) {
  const auto range = static_cast<std::size_t>((most - least).count()) + 1;
  return least + duration{static_cast<std::int64_t>(below(range))};
}

void timeline::at(instant when, std::function<void()> what) {
  events_.emplace(std::pair{std::max(when, now_), ++next_event_}, std::move(what));
}

std::optional<instant> timeline::next() const {
  if (events_.empty()) return std::nullopt;
  return events_.begin()->first.first;
}

void timeline::advance(instant to) {
  now_ = std::max(now_, to);
}

void timeline::run_next() {
  auto event = events_.extract(events_.begin());
  advance(event.key().first);
  event.mapped()();
}

void timeline::note(std::uint64_t what) {
  for (int i = 0; i < 8; ++i, what >>= 8) mix(static_cast<unsigned char>(what & 0xff));
  ++notes_;
}

void timeline::note(std::string_view what) {
  for (const char c : what) mix(static_cast<unsigned char>(c));
  ++notes_;
}

void timeline::mix(unsigned char byte) {
  hash_ ^= byte;
  hash_ *= 1099511628211ULL;
}

} // namespace holdfast::simulations
