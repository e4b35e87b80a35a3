// Questions between sessions: to the session found under a key, wherever its shard is right now.
// While the shard moves the question waits; after its time it is answered "timed out", never "no
// such session" (design, "Location").
#include "actors/container.hpp"
#include "protocol/core/buggify.hpp"
#include "protocol/session/question.hpp"

#include <caf/all.hpp>

namespace holdfast::actors {

using cluster::frame_kind;

void container::on_question(cluster::ask question, duration timeout) {
  const auto named = session::session_named_by(question.key, options_.environment->tokens);
  question.shard = named && named->shard.value < options_.settings.shard_count
                       ? named->shard
                       : cluster::home_shard(question.key, options_.settings.shard_count);
  question.from_node = options_.name;
  const std::pair id{question.from, question.id};
  if (questions_.size() >= pending_questions_max) {
    give_answer(question.from, question.id,
                {question.id, session::answered::outcome::timed_out, {}});
    return;
  }
  pose(question);
  if (buggify<"question: posed twice">()) pose(question);
  questions_.insert_or_assign(id, open_question{std::move(question), now() + timeout});
}

// Again after every new view and link, until it is answered: the answer to a repetition is ignored.
void container::pose(cluster::ask question) {
  const auto* entry = entry_of(question.shard);
  if (entry == nullptr || !entry->owned()) return;
  if (owns(question.shard))
    on_ask(std::move(question));
  else
    send_frame(entry->owner.name, frame_kind::ask, question);
}

// Of a shard that is about to become active here it waits; of any other its sender asks elsewhere
// as soon as it knows our view.
void container::on_ask(cluster::ask question) {
  const auto shard = question.shard;
  if (active_shard(shard) != nullptr) {
    to_shard(shard, caf::make_message(shard_ask{std::move(question)}));
    return;
  }
  const auto h = hosted_.find(shard);
  if (h != hosted_.end() && owns(shard) && h->second.early_questions.size() < early_messages_max)
    h->second.early_questions.push_back(std::move(question));
}

void container::send_answer(emit_answer answer) {
  if (answer.to_node == options_.name)
    on_answer(answer.reply);
  else
    send_frame(answer.to_node, frame_kind::answer, answer.reply);
}

// The session that asked may have moved meanwhile; the answer follows it.
void container::on_answer(const cluster::answer& a) {
  if (buggify<"question: an answer is lost">()) return;
  const bool open = questions_.erase({a.to, a.id}) > 0;
  if (!owns(a.to.shard)) {
    if (const auto* entry = entry_of(a.to.shard); open && entry != nullptr)
      send_frame(entry->owner.name, frame_kind::answer, a);
    return;
  }
  using outcome = session::answered::outcome;
  give_answer(a.to, a.id, {a.id, a.found ? outcome::reply : outcome::no_such_session, a.bytes});
}

void container::give_answer(const session_address& to, std::uint64_t id, session::answered what) {
  to_shard(to.shard, caf::make_message(shard_answer{to, id, std::move(what)}));
}

void container::expire_questions() {
  const auto time = now();
  for (auto it = questions_.begin(); it != questions_.end();) {
    if (it->second.until > time) {
      ++it;
      continue;
    }
    const auto [to, id] = it->first;
    it = questions_.erase(it);
    give_answer(to, id, {id, session::answered::outcome::timed_out, {}});
  }
  std::vector<std::uint64_t> overdue;
  for (const auto& [id, s] : searches_)
    if (s.until <= time) overdue.push_back(id);
  for (const auto id : overdue) finish_search(searches_.find(id));
}

} // namespace holdfast::actors
