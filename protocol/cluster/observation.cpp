#include "protocol/cluster/observation.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

namespace holdfast::cluster {

namespace {

std::int32_t to_us(duration d) {
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(d.count(), 0, std::numeric_limits<std::int32_t>::max()));
}

} // namespace

void histogram::add(duration d) {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(d.count(), 0));
  ++counts_[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(us)), buckets - 1)];
}

std::uint64_t histogram::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

duration histogram::quantile(double share) const {
  const auto all = total();
  if (all == 0) return {};
  const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(all));
  std::uint64_t seen = 0;
  for (std::size_t b = 0; b < buckets; ++b) {
    seen += counts_[b];
    if (seen > wanted || seen == all) return duration{std::int64_t{1} << b};
  }
  return {};
}

observation::observation(size s) : size_{s} {}

std::size_t observation::figures_of(std::uint64_t kind) {
  for (std::size_t i = 0; i < kinds_.size(); ++i)
    if (kinds_[i].kind == kind) return i;
  if (kinds_.size() >= kinds_max)
    kinds_.back().kind = 0;
  else
    kinds_.emplace_back().kind = kind;
  return kinds_.size() - 1;
}

void observation::begin(std::uint64_t kind, std::uint64_t from, std::optional<duration> waited,
                        instant at) {
  if (size_ == size::none) return;
  if (ring_.empty()) ring_.reserve(messages_max);
  const message now{kind, from, at, waited ? to_us(*waited) : -1, -1};
  if (ring_.size() < messages_max)
    ring_.push_back(now);
  else
    ring_[count_ % messages_max] = now;
  ++count_;
  current_ = figures_of(kind);
  auto& k = kinds_[current_];
  ++k.count;
  if (!waited) return;
  waited_max_ = std::max(waited_max_, *waited);
  k.waited_for.add(*waited);
  k.waited_max = std::max(k.waited_max, *waited);
}

void observation::end(instant at) {
  if (size_ == size::none) return;
  auto& last = ring_[(count_ - 1) % messages_max];
  const auto took = at - last.at;
  last.processed_us = to_us(took);
  processed_ += took;
  processed_max_ = std::max(processed_max_, took);
  auto& k = kinds_[current_];
  k.processed += took;
  k.processed_max = std::max(k.processed_max, took);
  k.took.add(took);
}

std::vector<observation::message> observation::messages() const {
  std::vector<message> out;
  out.reserve(ring_.size());
  for (std::size_t i = 0; i < ring_.size(); ++i) out.push_back(ring_[(count_ + i) % ring_.size()]);
  return out;
}

void step_ring::add(const step& s) {
  if (ring_.size() < kept) {
    ring_.push_back(s);
  } else {
    ring_[next_] = s;
    next_ = (next_ + 1) % kept;
  }
  waited_max_ = std::max(waited_max_, duration{s.waited_us});
  if (s.processed_us < 0) return;
  busy_ += duration{s.processed_us};
  processed_max_ = std::max(processed_max_, duration{s.processed_us});
}

std::vector<step_ring::step> step_ring::all() const {
  std::vector<step> out;
  out.reserve(ring_.size());
  for (std::size_t i = 0; i < ring_.size(); ++i) out.push_back(ring_[(next_ + i) % ring_.size()]);
  return out;
}

} // namespace holdfast::cluster
