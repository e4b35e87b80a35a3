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

observation::kind_figures& observation::figures_of(std::uint64_t kind) {
  for (auto& k : kinds_)
    if (k.kind == kind) return k;
  if (kinds_.size() >= kinds_max) {
    kinds_.back().kind = 0;
    return kinds_.back();
  }
  kinds_.emplace_back().kind = kind;
  return kinds_.back();
}

void observation::begin(std::uint64_t kind, std::uint64_t from, std::optional<duration> waited,
                        instant at) {
  const auto capacity = size_ == size::small ? messages_small : messages_full;
  const message now{kind, from, at, waited ? to_us(*waited) : -1, -1};
  if (ring_.size() < capacity)
    ring_.push_back(now);
  else
    ring_[count_ % capacity] = now;
  ++count_;
  if (waited) waited_max_ = std::max(waited_max_, *waited);
  if (size_ == size::small) return;
  auto& k = figures_of(kind);
  ++k.count;
  if (!waited) return;
  k.waited_for.add(*waited);
  k.waited_max = std::max(k.waited_max, *waited);
}

void observation::end(instant at) {
  auto& last = ring_[(count_ - 1) % ring_.size()];
  const auto took = at - last.at;
  last.processed_us = to_us(took);
  processed_ += took;
  processed_max_ = std::max(processed_max_, took);
  if (size_ == size::small) return;
  auto& k = figures_of(last.kind);
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

} // namespace holdfast::cluster
