#include "simulations/simulated_network.hpp"

#include <caf/io/scribe.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace holdfast::simulations {

void simulated_network::bind(const endpoint& where, simulated_process& owner, receiver to,
                             bool sealed) {
  bound_[where] = {&owner, std::move(to), sealed};
}

void simulated_network::send(simulated_process& from, const endpoint& source, const endpoint& to,
                             std::string bytes) {
  if (!from.alive()) return;
  const auto target = bound_.find(to);
  if (target == bound_.end()) {
    if (observer_) observer_(false, to, bytes);
    travel(source, to, std::move(bytes), among_clients_);
  } else if (!is_cut(from.name(), target->second.owner->name())) {
    damage_by_chance(from.name(), target->second, bytes);
    travel(source, to, std::move(bytes), inside_);
  }
}

void simulated_network::damage_by_chance(const std::string& from, const binding& to,
                                         std::string& bytes) {
  if (damage_.empty() || !to.sealed || bytes.empty()) return;
  const auto found = damage_.find({from, to.owner->name()});
  if (found == damage_.end() || !chance(10 * found->second)) return;
  const auto at = time_.below(bytes.size());
  const auto bit = time_.below(8);
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
}

void simulated_network::send_from_outside(const endpoint& source, const endpoint& to,
                                          std::string bytes) {
  if (observer_) observer_(true, source, bytes);
  travel(source, to, std::move(bytes), among_clients_);
}

bool simulated_network::chance(unsigned thousandths) {
  return thousandths > 0 && time_.below(1000) < thousandths;
}

void simulated_network::travel(const endpoint& source, const endpoint& to, std::string bytes,
                               const weather& in) {
  const int copies = chance(in.lost) ? 0 : chance(in.doubled) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    auto takes = delay();
    if (chance(in.late)) takes += time_.between({}, lateness_max);
    time_.after(takes, [=, this] { arrive(source, to, bytes); });
  }
}

void simulated_network::arrive(const endpoint& source, const endpoint& to,
                               const std::string& bytes) {
  const auto target = bound_.find(to);
  if (target == bound_.end()) {
    if (outside_) outside_(source, to, bytes);
    return;
  }
  target->second.owner->execute(
      [receive = target->second.to, source, bytes] { receive(source, bytes); });
}

void simulated_network::listen(const endpoint& where, simulated_process& owner, acceptor to) {
  listeners_[where] = {&owner, std::move(to)};
}

void simulated_network::dial(simulated_process& from, const endpoint& where,
                             std::function<void(dial_result)> done) {
  const auto answer = [this, &from, done](duration later, std::string why) {
    time_.after(later, [&from, done, why = std::move(why)] {
      from.execute([done, why] { done({nullptr, {}, why}); });
    });
  };
  const auto found = listeners_.find(where);
  if (found == listeners_.end() || !found->second.owner->alive()) {
    answer(delay(), "connection refused");
  } else if (const auto& there = *found->second.owner; there.hung()
                                                       || is_cut(from.name(), there.name())
                                                       || is_cut(there.name(), from.name())) {
    answer(dial_timeout, "timed out");
  } else { // a round trip for the connection, another one for the proof of the key
    const auto* listening = found->second.owner;
    time_.after(delay() + delay(), [this, &from, where, listening, done] {
      auto& at = listeners_.at(where);
      if (at.owner == listening && at.owner->running())
        connect(from, at, done);
      else
        from.execute([done] { done({nullptr, {}, "connection reset"}); });
    });
  }
}

void simulated_network::connect(simulated_process& from, listener& at,
                                const std::function<void(dial_result)>& done) {
  if (!from.alive()) return;
  const auto here = caf::io::connection_handle::from_int(++next_handle_);
  const auto there = caf::io::connection_handle::from_int(++next_handle_);
  connections_.push_back({{side{&from, here, time_.now()}, side{at.owner, there, time_.now()}}});
  at.owner->execute([accept = at.to, &by = *at.owner, there] { accept(by, there); });
  from.execute([done, peer = at.owner, here] { done({peer, here, {}}); });
}

bool simulated_network::is_cut(const std::string& from, const std::string& to) const {
  return !cuts_.empty() && cuts_.contains({from, to});
}

void simulated_network::damage(const std::string& a, const std::string& b, unsigned percent) {
  damage_[{a, b}] = damage_[{b, a}] = percent;
  for (auto& c : connections_) {
    const auto& [one, other] = c.sides;
    const bool theirs = (one.process->name() == a && other.process->name() == b)
                        || (one.process->name() == b && other.process->name() == a);
    if (!c.open || !theirs) continue;
    for (auto& s : c.sides) close(c, s);
  }
}

void simulated_network::heal(const std::string& a, const std::string& b) {
  cuts_.erase({a, b});
  cuts_.erase({b, a});
  damage_.erase({a, b});
  damage_.erase({b, a});
  carry_everything();
}

void simulated_network::heal_all() {
  cuts_.clear();
  damage_.clear();
  carry_everything();
}

void simulated_network::carry_everything() {
  for (auto& c : connections_) {
    carry_between(c, c.sides[0], c.sides[1]);
    carry_between(c, c.sides[1], c.sides[0]);
  }
}

void simulated_network::break_connections_of(const simulated_process& dead) {
  for (auto& c : connections_)
    for (std::size_t i = 0; i < 2; ++i)
      if (c.open && c.sides[i].process == &dead) close(c, c.sides[1 - i]);
}

bool simulated_network::carry(simulated_process& p) {
  bool moved = false;
  for (auto& c : connections_)
    for (std::size_t i = 0; i < 2; ++i) {
      if (!c.open || c.sides[i].process != &p) continue;
      if (read_all(p, c.sides[i].handle)) moved = true;
      if (carry_between(c, c.sides[i], c.sides[1 - i])) moved = true;
    }
  if (std::exchange(any_closed_, false))
    std::erase_if(connections_, [](const connection& c) { return !c.open; });
  if (moved) p.touch(); // what it read may have made it write
  return moved;
}

bool simulated_network::carry_between(connection& c, side& from, side& to) {
  if (!c.open || is_cut(from.process->name(), to.process->name())) return false;
  auto& written = from.process->multiplexer().output_buffer(from.handle);
  if (!written.empty()) {
    auto bytes = std::make_shared<std::vector<char>>(std::exchange(written, {}));
    to.last_arrival = std::max(time_.now() + delay(), to.last_arrival);
    time_.at(to.last_arrival, [process = to.process, handle = to.handle, bytes] {
      process->execute([process, handle, bytes] {
        auto& input = process->multiplexer().virtual_network_buffer(handle);
        input.insert(input.end(), bytes->begin(), bytes->end());
        read_all(*process, handle);
      });
    });
    return true;
  }
  if (!from.process->multiplexer().stopped_reading(from.handle)) return false;
  close(c, to);
  return true;
}

// The bytes that are on their way still arrive.
void simulated_network::close(connection& c, side& to) {
  c.open = false;
  any_closed_ = true;
  to.last_arrival = std::max(time_.now() + delay(), to.last_arrival);
  time_.at(to.last_arrival, [process = to.process, handle = to.handle] {
    process->execute([process, handle] {
      auto& there = process->multiplexer();
      if (auto scribe = there.impl_ptr(handle))
        scribe->io_failure(&there, caf::io::network::operation::read);
    });
  });
}

bool simulated_network::read_all(simulated_process& p, caf::io::connection_handle h) {
  auto& there = p.multiplexer();
  if (there.virtual_network_buffer(h).empty() || !there.impl_ptr(h)) return false;
  bool read = false;
  while (!there.virtual_network_buffer(h).empty() && there.try_read_data(h)) read = true;
  return read;
}

} // namespace holdfast::simulations
