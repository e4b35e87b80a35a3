#include "simulations/timeline.hpp"

#include <algorithm>
#include <cstring>

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
  ++events_done_;
  event.mapped()();
}

void timeline::note_step(std::string_view node, std::string_view actor) {
  ++events_done_;
  mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  mix(node);
  mix(actor);
  if (sink_) last_ = {now_, node, actor, {}, 0};
}

void timeline::note_kind(std::string_view name) {
  mix(name);
  if (!sink_) return;
  last_.kind = name;
  sink_(last_);
}

void timeline::note_kind(std::uint64_t number) {
  mix(number);
  if (!sink_) return;
  last_.number = number;
  sink_(last_);
}

// FNV-1a over eight bytes at a time.
void timeline::mix(std::uint64_t word) {
  hash_ ^= word;
  hash_ *= 1099511628211ULL;
  hash_ ^= hash_ >> 29;
}

void timeline::mix(std::string_view text) {
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    mix(word);
    text.remove_prefix(8);
  }
  std::uint64_t rest = text.size() + 1;
  for (const char c : text) rest = (rest << 8) | static_cast<unsigned char>(c);
  mix(rest);
}

} // namespace holdfast::simulations
