#include "tests/scenarios/element.hpp"

#include "protocol/cluster/routing.hpp"
#include "protocol/session/question.hpp"
#include "protocol/session/stateless.hpp"
#include "protocol/sip/parser.hpp"
#include "protocol/sip/transport_rules.hpp"
#include "protocol/sip/writer.hpp"

#include <stdexcept>
#include <utility>

namespace scenarios {

namespace {

constexpr std::uint16_t shard_count = 256;

// As the node that receives a request writes it down (RFC 3261 18.2.1).
std::string stamped(const std::string& bytes, const endpoint& source) {
  auto m = sip::parse(bytes);
  if (!m) throw std::runtime_error{"a message that cannot be parsed: " + bytes};
  if (m->is_request()) sip::stamp_source(*m, source);
  return sip::to_bytes(*m);
}

} // namespace

void element::deliver(const flow& from, const std::string& raw, instant now) {
  const auto bytes = stamped(raw, from);
  sip::message_view view;
  if (view.read(bytes)) throw std::runtime_error{"no view of " + bytes};
  const auto route = cluster::route_of(view, env_->tokens, shard_count);
  if (!route) return; // a response to nothing
  auto at = route->to;
  if (at.session.value == 0) {
    if (const auto found = directory_.find(route->key); found != directory_.end()) {
      at = found->second;
    } else if (route->may_create || route->by_address_of_record) {
      at.session = session_id{++last_session_};
      directory_.emplace(route->key, at);
      create(at);
    }
  }
  const session::received message{.bytes = bytes, .source = from, .proxy = "proxy-1"};
  if (session::is_half_a_call(*env_, at, bytes) && !sessions_.contains(at)) create(at);
  if (sessions_.contains(at)) return run(at, message, now);
  for (const auto& e : session::on_orphan(*env_, at, bytes, from))
    if (const auto* s = std::get_if<session::send>(&e)) send_(s->destination, s->bytes);
}

session::session& element::create(session_address at) {
  return sessions_.emplace(at, session::session{env_, at, ++seed_}).first->second;
}

void element::run(session_address at, session::event what, instant now) {
  waiting_.emplace_back(at, std::move(what));
  if (std::exchange(running_, true)) return;
  while (!waiting_.empty()) {
    const auto [whose, next] = std::move(waiting_.front());
    waiting_.pop_front();
    take(whose, next, now);
  }
  running_ = false;
}

void element::take(session_address at, const session::event& what, instant now) {
  const auto found = sessions_.find(at);
  if (found == sessions_.end()) return;
  bool over = false;
  const auto effects = found->second.on(what, now);
  for (const auto& key : found->second.keys()) directory_.try_emplace(key, at);
  for (const auto& e : effects) {
    if (const auto* s = std::get_if<session::send>(&e)) {
      send_(s->destination, s->bytes);
    } else if (const auto* q = std::get_if<session::ask>(&e)) {
      pose(at, *q, now);
    } else if (const auto* a = std::get_if<session::answer>(&e)) {
      const auto asker = questions_.extract(a->reply_to).mapped();
      run(asker.from, session::answered{asker.id, session::answered::outcome::reply, a->bytes},
          now);
    } else if (std::holds_alternative<session::ended>(e)) {
      over = true;
    }
  }
  if (!over) return;
  sessions_.erase(at);
  std::erase_if(directory_, [&](const auto& entry) { return entry.second == at; });
}

void element::pose(session_address from, const session::ask& asked, instant now) {
  auto at = session::session_named_by(asked.key, env_->tokens);
  if (const auto known = directory_.find(asked.key); !at && known != directory_.end())
    at = known->second;
  if (!at || !sessions_.contains(*at))
    return run(from, session::answered{asked.id, session::answered::outcome::no_such_session, {}},
               now);
  const auto reply_to = std::to_string(from.session.value) + "/" + std::to_string(asked.id);
  questions_[reply_to] = {from, asked.id};
  run(*at, session::asked{asked.bytes, reply_to}, now);
}

std::optional<instant> element::next_deadline() const {
  std::optional<instant> first;
  for (const auto& [at, s] : sessions_)
    if (const auto next = s.next_deadline(); next && (!first || *next < *first)) first = next;
  return first;
}

void element::fire(instant now) {
  std::vector<session_address> due;
  for (const auto& [at, s] : sessions_)
    if (const auto next = s.next_deadline(); next && *next <= now) due.push_back(at);
  for (const auto& at : due) run(at, session::deadline{}, now);
}

void element::move(instant now) {
  for (auto& [at, s] : sessions_) {
    auto restored = session::session::restore(env_, at, s.snapshot(now), {}, now, ++seed_);
    if (!restored) throw std::runtime_error{"a snapshot that cannot be restored"};
    s = std::move(*restored);
  }
  std::vector<session_address> all;
  for (const auto& [at, s] : sessions_) all.push_back(at);
  for (const auto& at : all) run(at, session::resumed{}, now);
}

std::vector<std::string> element::left() const {
  std::vector<std::string> list;
  for (const auto& [at, s] : sessions_) list.push_back(s.application());
  return list;
}

} // namespace scenarios
