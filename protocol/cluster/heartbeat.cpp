#include "protocol/cluster/heartbeat.hpp"

#include "protocol/core/buggify.hpp"
#include "protocol/core/keyed_hash.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::cluster {

namespace {

// A datagram of ours proves nothing elsewhere, and nothing from elsewhere proves one.
constexpr std::string_view purpose = "holdfast heartbeat 1";

std::string mac_of(std::string_view body, std::string_view cluster_key) {
  std::string message{purpose};
  message += body;
  return hmac_sha256(cluster_key, message).substr(0, heartbeat_mac_bytes);
}

// nullopt: not sealed under this key.
std::optional<std::string_view> authentic_body(std::string_view datagram, std::string_view key) {
  if (datagram.size() < heartbeat_mac_bytes) return std::nullopt;
  const auto body = datagram.substr(0, datagram.size() - heartbeat_mac_bytes);
  if (!equal_in_constant_time(datagram.substr(body.size()), mac_of(body, key))) return std::nullopt;
  return body;
}

bool observes(role observer, role subject) {
  return observer == role::coordinator
         || (observer == role::container && subject == role::container);
}

} // namespace

std::string seal(const heartbeat& beat, std::string_view cluster_key) {
  auto datagram = encode(beat);
  datagram += mac_of(datagram, cluster_key);
  return datagram;
}

result<heartbeat> unseal(std::string_view datagram, std::string_view cluster_key) {
  const auto body = authentic_body(datagram, cluster_key);
  if (!body) return fail("a heartbeat that is not authentic");
  return decode<heartbeat>(*body);
}

heartbeat_unit::heartbeat_unit(node_id self, duration interval, std::uint32_t misses,
                               std::string cluster_key)
    : self_{std::move(self)},
      interval_{interval},
      key_{std::move(cluster_key)},
      detector_{interval, misses} {}

void heartbeat_unit::set_view(const view& now_valid, node_id self, instant now) {
  self_ = std::move(self);
  view_ = now_valid.number;
  newest_seen_ = std::max(newest_seen_, view_);
  greets_.clear();
  std::vector<node_id> watched;
  std::map<std::string, last_heard> heard;
  // Who was fenced still greets: so it is heard, and hears that there is a newer view.
  const auto* own = now_valid.find(self_);
  for (const auto& peer : now_valid.members) {
    if (own == nullptr || peer.card.name == self_.name) continue;
    heard[peer.card.name] = last_[peer.card.name];
    if (!peer.alive()) continue;
    const auto us = own->card.serves;
    if (us == role::coordinator || observes(peer.card.serves, us))
      greets_.push_back(peer.card.heartbeats);
    if (own->alive() && observes(us, peer.card.serves)) watched.push_back(peer.id());
  }
  last_ = std::move(heard);
  detector_.watch(watched, now);
}

heartbeat_turn heartbeat_unit::on_tick(instant now, duration probe_age) {
  heartbeat_turn turn;
  const auto age = honest_probe_age(now, probe_age);
  turn.changes = detector_.tick(now);
  if (greets_.empty()) return turn;
  if (buggify<"heartbeat: one is left out">()) return turn;
  const auto bytes = seal({self_, ++tick_, view_, age, {}}, key_);
  for (const auto& to : greets_) turn.send.push_back({to, bytes});
  if (buggify<"heartbeat: one is sent twice">()) turn.send.push_back(turn.send.front());
  counters_.sent += turn.send.size();
  return turn;
}

// A node that was stopped as a whole answers no probes; that is no sign of blocked workers. They
// get the time since it woke before the age of the probe counts.
duration heartbeat_unit::honest_probe_age(instant now, duration probe_age) {
  if (!ticked_ || now - last_tick_ > interval_ * late_tick_intervals) awake_since_ = now;
  ticked_ = true;
  last_tick_ = now;
  const auto worse = buggify<"heartbeat: the probe was slow">() ? interval_ * 3 : duration{};
  return std::min(probe_age + worse, now - awake_since_);
}

std::optional<view_ahead> heartbeat_unit::on_datagram(std::string_view bytes, instant now) {
  ++counters_.received;
  const auto body = authentic_body(bytes, key_);
  if (!body) {
    ++counters_.forged;
    return std::nullopt;
  }
  const auto beat = decode<heartbeat>(*body);
  if (!beat) {
    ++counters_.malformed;
    return std::nullopt;
  }
  if (!last_.contains(beat->from.name)) {
    ++counters_.strangers;
  } else if (!fresh(*beat)) {
    ++counters_.replayed;
    return std::nullopt;
  } else {
    detector_.heard(beat->from, beat->probe_age, now);
  }
  if (beat->view <= view_) return std::nullopt;
  if (beat->view <= newest_seen_ && now - said_at_ < repeat_view_ahead) return std::nullopt;
  newest_seen_ = beat->view;
  said_at_ = now;
  return view_ahead{beat->from.name, beat->view};
}

bool heartbeat_unit::fresh(const heartbeat& beat) {
  auto& last = last_[beat.from.name];
  if (beat.from.incarnation < last.incarnation) return false;
  if (beat.from.incarnation == last.incarnation && beat.tick <= last.tick) return false;
  last = {beat.from.incarnation, beat.tick};
  return true;
}

} // namespace holdfast::cluster
